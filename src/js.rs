//! JSON by the browser's own reader and writer, which a page need not carry; the page's JavaScript values.
//!
//! Numbers are f64 here: 3.0 and 3 are the same, and whole numbers are exact up to 2^53.

use js_sys::{Array, JSON, Object, Reflect};
use serde_json::{Map, Number, Value};
use wasm_bindgen::{JsCast, JsValue};

/// Lists and objects within one another, at most; as in `serde_json`.
const MAX_DEPTH: u32 = 128;
/// The first whole number that has no exact neighbour above it, 2^53.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// `text` as JavaScript's value, or the browser's complaint.
pub(crate) fn parse(text: &str) -> Result<JsValue, String> {
    JSON::parse(text).map_err(|error| message(&error))
}

/// `value` as JSON, or the browser's complaint; empty where there is no JSON for it.
pub(crate) fn stringify(value: &JsValue) -> Result<String, String> {
    JSON::stringify(value).map(|text| text.as_string().unwrap_or_default()).map_err(|error| message(&error))
}

/// Names and values of an object that [`parse`] made; `None` if it is none.
pub(crate) fn members(value: &JsValue) -> Option<impl Iterator<Item = (String, JsValue)>> {
    let object: &Object = value.dyn_ref().filter(|_| !Array::is_array(value))?;
    Some(Object::entries(object).into_iter().map(|pair| {
        let pair: Array = pair.unchecked_into();
        (pair.get(0).as_string().unwrap_or_default(), pair.get(1))
    }))
}

/// `value` as a list.
pub(crate) fn list(value: &JsValue) -> Option<&Array> {
    value.dyn_ref()
}

/// `value` as a whole number that f64 holds exactly.
pub(crate) fn whole(value: &JsValue) -> Option<u64> {
    value.as_f64().filter(|number| (0.0..=WHOLE).contains(number) && number.fract() == 0.0).map(|n| n as u64)
}

/// What [`parse`] made, as a tree.
pub(crate) fn to_value(js: &JsValue) -> Result<Value, String> {
    tree(js, 0)
}

fn tree(js: &JsValue, depth: u32) -> Result<Value, String> {
    if depth > MAX_DEPTH {
        return Err(format!("more than {MAX_DEPTH} levels"));
    }
    if let Some(number) = js.as_f64() {
        let whole = (number.fract() == 0.0 && number.abs() <= WHOLE).then(|| (number as i64).into());
        let number: Option<Number> = whole.or_else(|| Number::from_f64(number));
        return number.map(Value::Number).ok_or_else(|| "number out of range".to_owned());
    }
    if let Some(text) = js.as_string() {
        return Ok(Value::String(text));
    }
    if let Some(flag) = js.as_bool() {
        return Ok(Value::Bool(flag));
    }
    if let Some(list) = list(js) {
        return list.iter().map(|item| tree(&item, depth + 1)).collect::<Result<_, _>>().map(Value::Array);
    }
    match members(js) {
        Some(members) => {
            let mut map = Map::new();
            for (name, value) in members {
                map.insert(name, tree(&value, depth + 1)?);
            }
            Ok(Value::Object(map))
        }
        None => Ok(Value::Null),
    }
}

/// A tree as JavaScript's value.
pub(crate) fn from_value(value: &Value) -> JsValue {
    match value {
        Value::Null => JsValue::NULL,
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => number.as_f64().into(),
        Value::String(text) => text.into(),
        Value::Array(list) => list.iter().map(from_value).collect::<Array>().into(),
        Value::Object(map) => {
            let pairs: Array =
                map.iter().map(|(name, value)| Array::of2(&name.into(), &from_value(value))).collect();
            // Fails for what is no list of pairs only. Unlike assignment, it makes a plain member of "__proto__".
            Object::from_entries(&pairs).map_or(JsValue::NULL, Into::into)
        }
    }
}

/// `number` in decimal, as JavaScript writes it.
pub(crate) fn decimal(number: f64) -> String {
    js_sys::Number::from(number).to_string_with_radix(10).map_or_else(|_| String::new(), Into::into)
}

/// An object of these members.
#[cfg(feature = "page")]
pub(crate) fn object(members: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in members {
        set(&object, name, value);
    }
    object.into()
}

/// Sets a member of an object that is nobody else's.
#[cfg(feature = "page")]
pub(crate) fn set(object: &Object, name: &str, value: &JsValue) {
    // It fails for frozen objects only.
    let _ = Reflect::set(object, &name.into(), value);
}

/// The member `name` of `object`; undefined where there is none, or no object.
pub(crate) fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or_default()
}

/// What was thrown, in words.
fn message(thrown: &JsValue) -> String {
    get(thrown, "message").as_string().unwrap_or_default()
}
