//! Giving the page its turn between two pieces of work.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Resolves in a task of its own, so that the page can draw and answer first.
pub(super) async fn next_task() {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        let global = js_sys::global();
        let set_timeout = js_sys::Reflect::get(&global, &"setTimeout".into());
        match set_timeout.ok().and_then(|f| f.dyn_into::<js_sys::Function>().ok()) {
            Some(set_timeout) => drop(set_timeout.call2(&global, &resolve, &0.into())),
            None => drop(resolve.call0(&JsValue::NULL)),
        }
    });
    // The promise never rejects.
    let _ = JsFuture::from(promise).await;
}
