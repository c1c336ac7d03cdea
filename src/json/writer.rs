//! Values to text, without white space.

use std::fmt::{Display, Write as _};

use serde_json::{Number, Value};

use crate::decimal::Decimal;

/// Appends `value`, a map's members in the order of their keys.
pub fn push_value(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => push_number(text, number),
        Value::String(string) => push_string(text, string),
        Value::Array(values) => {
            text.push('[');
            for (ix, value) in values.iter().enumerate() {
                if ix > 0 {
                    text.push(',');
                }
                push_value(text, value);
            }
            text.push(']');
        }
        Value::Object(map) => {
            let mut object = Object::new();
            for (key, value) in map {
                object.value(key, value);
            }
            text.push_str(&object.finish());
        }
    }
}

fn push_number(text: &mut String, number: &Number) {
    // Writing to a string cannot fail.
    let _ = match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(number), _, _) => write!(text, "{number}"),
        (_, Some(number), _) => write!(text, "{number}"),
        (_, _, number) => write!(text, "{}", Decimal(number.unwrap_or(0.0))),
    };
}

fn push_string(text: &mut String, string: &str) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            '\n' => text.push_str("\\n"),
            '\0'..' ' => {
                // As in `push_number`.
                let _ = write!(text, "\\u{:04x}", u32::from(character));
            }
            _ => text.push(character),
        }
    }
    text.push('"');
}

/// Writes an object, member by member.
pub struct Object {
    text: String,
}

impl Object {
    /// An object without members.
    pub fn new() -> Self {
        Self { text: "{".to_owned() }
    }

    fn key(&mut self, key: &str) -> &mut String {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        push_string(&mut self.text, key);
        self.text.push(':');
        &mut self.text
    }

    /// A string.
    pub fn string(&mut self, key: &str, string: &str) -> &mut Self {
        push_string(self.key(key), string);
        self
    }

    /// What shows itself as JSON does: a number, a flag.
    pub fn plain(&mut self, key: &str, value: impl Display) -> &mut Self {
        let text = value.to_string();
        self.key(key).push_str(&text);
        self
    }

    /// Any value.
    pub fn value(&mut self, key: &str, value: &Value) -> &mut Self {
        push_value(self.key(key), value);
        self
    }

    /// The text.
    pub fn finish(&mut self) -> String {
        self.text.push('}');
        std::mem::take(&mut self.text)
    }
}

impl Default for Object {
    fn default() -> Self {
        Self::new()
    }
}
