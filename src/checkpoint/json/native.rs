//! JSON text by `serde_json`.

use serde_json::Value;

/// `text` as a tree, or a complaint.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// `value` as text.
pub(super) fn write(value: &Value) -> String {
    value.to_string()
}
