//! What the page's JavaScript sees: [`Player`], and reports for its tests. The one place with wasm_bindgen.

mod display;
mod error;
mod info;
mod noise;
mod pacer;
mod player;
mod report;
mod task;

use wasm_bindgen::prelude::wasm_bindgen;

pub use player::Player;

/// Panics reach the console with their message.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// For each shader and each set of its consts, whether this browser compiles it:
/// a JSON array of `{shader, ok, message}`.
///
/// # Errors
/// If there is no adapter.
#[wasm_bindgen]
pub async fn shader_report() -> Result<String, wasm_bindgen::JsError> {
    report::shaders().await.map_err(|e| wasm_bindgen::JsError::new(&e.to_string()))
}

/// Panics: the tests see that its message reaches the console and the page.
#[wasm_bindgen]
pub fn provoke_panic() {
    panic!("provoked by a test");
}
