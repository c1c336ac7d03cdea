//! Errors as JavaScript sees them: `Error`s with a `type`.

use wasm_bindgen::JsValue;

use crate::error::{Error, ErrorKind};

/// The page's name for a kind of error.
pub(super) fn type_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Input => "input",
        ErrorKind::Load | ErrorKind::Unsupported => "load",
        ErrorKind::NoAdapter => "no-webgpu",
        ErrorKind::Limits => "limits",
        ErrorKind::OutOfMemory => "out-of-memory",
        ErrorKind::DeviceLost => "device-lost",
        ErrorKind::SelfTest => "self-test",
    }
}

/// A JavaScript `Error` with `type`.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn to_js(error: Error) -> JsValue {
    let thrown = js_sys::Error::new(&error.to_string());
    // Setting a property of a fresh object cannot fail.
    let _ = js_sys::Reflect::set(&thrown, &"type".into(), &type_name(error.kind()).into());
    thrown.into()
}

/// JSON: `{type, message}`.
pub(super) fn to_json(error: &Error) -> String {
    serde_json::json!({ "type": type_name(error.kind()), "message": error.to_string() }).to_string()
}
