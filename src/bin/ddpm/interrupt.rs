//! Ctrl-C: the first asks long work to save and stop, the second ends it at once.

use std::sync::atomic::{AtomicBool, Ordering};

use ddpm::error::{Error, Result};

static ASKED: AtomicBool = AtomicBool::new(false);

/// What shells call the end by Ctrl-C.
const STATUS: i32 = 130;

/// Listens from now on, and answers in the name of `verb`.
///
/// # Errors
/// If the system does not let it.
pub fn listen(verb: &'static str) -> Result<()> {
    let hear = move || {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(STATUS);
        }
        // Where this cannot be written, nobody is left to tell.
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            format!("\nddpm {verb}: saving, once more ends at once without\n").as_bytes(),
        );
    };
    ctrlc::set_handler(hear).map_err(|error| Error::input(format!("Ctrl-C cannot be listened to ({error})")))
}

/// Whether the work was asked to stop.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
