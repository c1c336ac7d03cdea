//! JSON text by the browser, which has a reader and a writer already.

use serde_json::Value;

use crate::js;

/// `text` as a tree, or a complaint.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    js::parse(text).and_then(|parsed| js::to_value(&parsed))
}

/// `value` as text.
pub(super) fn write(value: &Value) -> String {
    js::stringify(&js::from_value(value)).unwrap_or_default()
}
