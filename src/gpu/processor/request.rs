//! Devices of a build without adapters: the processor alone.

use super::{NAME, Processor};
use crate::error::{Error, ErrorKind, Result};
use crate::gpu::{AdapterSummary, GpuContext};

impl GpuContext {
    /// The processor.
    #[expect(clippy::unused_async, reason = "as with adapters")]
    pub async fn adapters() -> Vec<AdapterSummary> {
        Processor::from_environment(None).iter().map(AdapterSummary::of_processor).collect()
    }

    /// The processor, which is called `cpu`.
    ///
    /// # Errors
    /// If another is asked for.
    pub async fn request(adapter_name: Option<&str>) -> Result<Self> {
        Self::request_with(adapter_name, None).await
    }

    /// As [`Self::request`], with so many threads.
    ///
    /// # Errors
    /// As [`Self::request`], or if so many threads cannot be had.
    #[expect(clippy::unused_async, reason = "as with adapters")]
    pub async fn request_with(adapter_name: Option<&str>, threads: Option<usize>) -> Result<Self> {
        match adapter_name {
            Some(wanted) if !NAME.contains(&wanted.to_lowercase()) => Err(Error::new(
                ErrorKind::NoAdapter,
                format!("no adapter's name contains \"{wanted}\"; found: {NAME}"),
            )),
            _ => Ok(Self::from_processor(Processor::from_environment(threads)?)),
        }
    }

    /// The processor, with all its cores.
    ///
    /// # Errors
    /// If threads cannot be had.
    pub async fn request_default() -> Result<Self> {
        Self::request(None).await
    }
}
