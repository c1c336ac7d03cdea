//! A header's JSON parsed by the browser.
//!
//! What the browser does not tell is told otherwise: of two members with one name it keeps the last, so the names in the
//! text are counted.

use wasm_bindgen::JsValue;

use super::{Header, Info, METADATA, Numbers, no_header, no_info, no_texts};
use crate::error::{Error, Result};
use crate::js;

/// Takes up all that `json` says.
pub(super) fn visit(json: &str, header: &mut Header) -> Result<()> {
    let parsed = js::parse(json).map_err(|complaint| no_header(&complaint))?;
    let kept = js::stringify(&parsed).map_err(|complaint| no_header(&complaint))?;
    for (name, value) in js::members(&parsed).ok_or_else(|| no_header("no object"))? {
        if name == METADATA {
            let texts = js::members(&value).ok_or_else(|| no_texts("no object"))?;
            for (key, text) in texts {
                let text = text.as_string().ok_or_else(|| no_texts(&key))?;
                if let Some(place) = header.texts.place(&key) {
                    *place = Some(text);
                }
            }
        } else {
            let info = info(&value).map_err(|key| no_info(&name, key))?;
            header.add_tensor(&name, info)?;
        }
    }
    if names(json) == names(&kept) {
        Ok(())
    } else {
        Err(Error::load("expected every name once in an object of the header, found one twice"))
    }
}

/// What `value` says of a tensor, or the key whose value is of another kind.
fn info(value: &JsValue) -> std::result::Result<Info, &'static str> {
    fn given<T>(
        value: &JsValue,
        key: &'static str,
        read: impl Fn(&JsValue) -> Option<T>,
    ) -> std::result::Result<Option<T>, &'static str> {
        let value = js::get(value, key);
        if value.is_undefined() { Ok(None) } else { read(&value).map(Some).ok_or(key) }
    }
    if js::members(value).is_none() {
        return Err("no object");
    }
    Ok(Info {
        dtype: given(value, "dtype", JsValue::as_string)?,
        shape: given(value, "shape", numbers)?,
        offsets: given(value, "data_offsets", numbers)?,
    })
}

/// A list of whole numbers.
fn numbers<const MOST: usize>(value: &JsValue) -> Option<Numbers<MOST>> {
    let mut numbers = Numbers::default();
    for number in js::list(value)?.iter() {
        numbers.push(js::whole(&number)?);
    }
    Some(numbers)
}

/// How many names of members JSON has: colons that are in no string.
fn names(json: &str) -> usize {
    let (mut names, mut inside, mut escaped) = (0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = inside,
            b'"' => inside = !inside,
            b':' if !inside => names += 1,
            _ => {}
        }
    }
    names
}
