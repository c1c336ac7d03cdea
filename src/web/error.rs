//! Errors as JavaScript sees them: `Error`s with a `type`.

use wasm_bindgen::JsValue;

use crate::error::{Error, ErrorKind};
use crate::js;

/// The page's name for a kind of error.
fn type_name(kind: ErrorKind) -> &'static str {
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
    js::set(&thrown, "type", &type_name(error.kind()).into());
    thrown.into()
}
