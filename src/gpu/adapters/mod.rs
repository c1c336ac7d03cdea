//! Adapters that wgpu reaches: all that only a build with them has.

#[cfg(target_arch = "wasm32")]
mod browser;
#[cfg(feature = "tuning")]
mod clock;
mod device;
#[cfg(all(feature = "tuning", not(target_arch = "wasm32")))]
mod matrices;
#[cfg(not(target_arch = "wasm32"))]
mod native;
mod passes;
mod pipeline;
mod readback;
mod request;
mod texels;

#[cfg(target_arch = "wasm32")]
use browser::descriptor;
#[cfg(feature = "tuning")]
pub(super) use clock::{Clock, MOST_READINGS};
pub(super) use device::WgpuDevice;
#[cfg(not(target_arch = "wasm32"))]
pub use native::Offers;
#[cfg(not(target_arch = "wasm32"))]
use native::descriptor;
pub(super) use passes::WgpuDispatch;
pub use texels::Texels;
