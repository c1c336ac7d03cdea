//! Burn and ours on the same layers, in turns: `../run.sh burn`. On the processor that is its CPU backend, burn-flex; on an adapter
//! (`../run.sh burn-wgpu`) its wgpu backend.
//!
//! Forward alone is timed, and forward with backward, which Burn cannot do apart.

mod theirs;

use std::process::ExitCode;

fn main() -> ExitCode {
    beside::run::<theirs::Theirs>()
}
