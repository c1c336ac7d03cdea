//! What the page's JavaScript sees: [`Gpu`] and [`Player`], the one place that exports.

mod display;
mod error;
mod gpu;
mod info;
mod noise;
mod pacer;
mod player;
mod snapshot;
mod task;

use wasm_bindgen::prelude::wasm_bindgen;

pub use gpu::Gpu;
pub use player::Player;

/// Half the size of the standard library's allocator.
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// Panics reach the console with their message.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// Panics: the tests see that its message reaches the console and the page.
#[wasm_bindgen]
pub fn provoke_panic() {
    panic!("provoked by a test");
}
