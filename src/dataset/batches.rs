//! Batches made ahead, on a thread of their own.

use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use super::{Batch, Loader};
use crate::error::{Error, Result};

/// Batches that wait for the GPU at most; one more is in the making.
const AHEAD: usize = 2;

/// The batches of successive steps; it ends after the first error. Dropping it ends its thread.
#[derive(Debug)]
pub struct Batches {
    /// There until it is dropped.
    receiver: Option<Receiver<Result<Batch>>>,
    /// There until it has ended and its last batch was taken.
    thread: Option<JoinHandle<()>>,
}

impl Batches {
    /// Begins to make the batches of `steps`.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn new(mut loader: Loader, steps: Range<u32>) -> Result<Self> {
        let (sender, receiver) = sync_channel(AHEAD);
        let make = move || {
            for step in steps {
                let batch = loader.batch(step);
                let failed = batch.is_err();
                // Nobody takes it any more once the receiver is gone.
                if sender.send(batch).is_err() || failed {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("batches".to_owned()).spawn(make).map_err(|error| {
            Error::input(format!("batches: expected a thread to make them on, found none ({error})"))
        })?;
        Ok(Self { receiver: Some(receiver), thread: Some(thread) })
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    /// The next batch, waiting for it if it is not made yet.
    ///
    /// # Panics
    /// If the thread did.
    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.receiver.as_ref()?.recv().ok();
        if batch.is_none()
            && let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
        {
            std::panic::resume_unwind(panic);
        }
        batch
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.receiver = None;
        if let Some(thread) = self.thread.take() {
            // A panic of batches that nobody wants matters to nobody.
            let _ = thread.join();
        }
    }
}
