//! candle's CPU kernels and ours on the same layers, forward, in turns: `../run.sh candle`.

mod theirs;

use std::process::ExitCode;

fn main() -> ExitCode {
    beside::run::<theirs::Theirs>()
}
