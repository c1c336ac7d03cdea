//! JSON objects from files that nobody vouches for: parsing within a memory budget, and typed fields whose errors
//! name the key, what was expected and what was found.
//!
//! Text becomes a tree, and a tree text, by `serde_json` natively and by the browser's `JSON` in a page; what a tree says
//! is decided here for both.

#[cfg(target_arch = "wasm32")]
#[path = "browser.rs"]
mod text;
#[cfg(not(target_arch = "wasm32"))]
#[path = "native.rs"]
mod text;

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The most that parsing one text may allocate, in bytes.
const BUDGET: usize = 640 << 10;

/// Longest piece of a file that an error message repeats, in characters.
const SHOWN: usize = 80;

/// `text` as a JSON object.
///
/// # Errors
/// If it is no JSON object, nests too deeply, or could take more memory than [`BUDGET`].
pub(super) fn parse_object(text: &str) -> Result<Map<String, Value>> {
    let cost = parse_cost(text);
    if cost > BUDGET {
        return Err(Error::load(format!(
            "expected JSON that takes at most {BUDGET} bytes of memory, found {} bytes of text that may take {cost}",
            text.len()
        )));
    }
    match text::parse(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(other) => Err(Error::load(format!("expected a JSON object, found {}", shown_json(&other)))),
        Err(error) => {
            let error = shown(&error);
            Err(Error::load(format!("expected a JSON object, found text that is not JSON ({error})")))
        }
    }
}

/// An upper bound of what a tree of `text` and `serde_json`'s way to it allocate: a map's first node for each `{`, a vector's
/// first four elements for each `[`, a map entry for each `:`, growth for each `,`, and the strings with their scratch
/// space. (What a browser's parser takes on the way is its own.)
fn parse_cost(text: &str) -> usize {
    let structure = |byte| match byte {
        b'{' => 700,
        b'[' => 132,
        b':' => 130,
        b',' => 96,
        _ => 0,
    };
    text.bytes().fold(0, |sum: usize, byte| sum.saturating_add(structure(byte) + 3))
}

/// `text` as an error message can repeat it: one line, not too long.
pub(super) fn shown(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars().take(SHOWN) {
        match character {
            '"' | '\'' | '\\' => line.push(character),
            _ => line.extend(character.escape_debug()),
        }
    }
    if text.chars().nth(SHOWN).is_some() {
        line.push('…');
    }
    line
}

/// `value` as an error message can repeat it.
fn shown_json(value: &Value) -> String {
    shown(&text::write(value))
}

/// The typed fields of one JSON object; a key that is missing has the default that diffusers gives it.
pub(super) struct Fields<'a>(pub &'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// The value of `key`, if it is there.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.0.get(key)
    }

    /// The value of `key`, if it is there and not null.
    pub fn given(&self, key: &str) -> Option<&'a Value> {
        self.get(key).filter(|value| !value.is_null())
    }

    fn sentence(&self, key: &str, expected: impl Display) -> String {
        let found = self.get(key).map_or("nothing".to_owned(), shown_json);
        format!("{key}: expected {expected}, found {found}")
    }

    /// The error of a value that makes no sense.
    pub fn wrong(&self, key: &str, expected: impl Display) -> Error {
        Error::load(self.sentence(key, expected))
    }

    /// The error of a value that makes sense, but that this crate does not do.
    pub fn refused(&self, key: &str, expected: impl Display) -> Error {
        Error::unsupported(self.sentence(key, expected))
    }

    /// A whole number within `range`; `default` where the key is missing, and none where it is null.
    pub fn optional_u32(
        &self,
        key: &str,
        default: Option<u32>,
        range: RangeInclusive<u32>,
    ) -> Result<Option<u32>> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::Null) => Ok(None),
            Some(value) => whole(value, &range)
                .map(Some)
                .ok_or_else(|| self.wrong(key, format_args!("{} to {}", range.start(), range.end()))),
        }
    }

    /// A whole number within `range`.
    pub fn u32(&self, key: &str, default: u32, range: RangeInclusive<u32>) -> Result<u32> {
        let expected = format!("{} to {}", range.start(), range.end());
        self.optional_u32(key, Some(default), range)?.ok_or_else(|| self.wrong(key, expected))
    }

    /// A list of whole numbers within `range`, of any length.
    pub fn u32_list(&self, key: &str, range: RangeInclusive<u32>) -> Result<Vec<u32>> {
        self.get(key)
            .and_then(Value::as_array)
            .and_then(|values| values.iter().map(|value| whole(value, &range)).collect())
            .ok_or_else(|| {
                self.wrong(key, format_args!("a list of numbers from {} to {}", range.start(), range.end()))
            })
    }

    /// A list of strings.
    pub fn text_list(&self, key: &str) -> Result<Vec<&'a str>> {
        self.get(key)
            .and_then(Value::as_array)
            .and_then(|values| values.iter().map(Value::as_str).collect())
            .ok_or_else(|| self.wrong(key, "a list of strings"))
    }

    /// A number.
    pub fn f64(&self, key: &str, default: f64) -> Result<f64> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => value.as_f64().ok_or_else(|| self.wrong(key, "a number")),
        }
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &str, default: bool) -> Result<bool> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => value.as_bool().ok_or_else(|| self.wrong(key, "true or false")),
        }
    }

    /// A string.
    pub fn text(&self, key: &str, default: &'a str) -> Result<&'a str> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => value.as_str().ok_or_else(|| self.wrong(key, "a string")),
        }
    }

    /// Refuses a key that is there with a value that `accepted` does not take.
    pub fn only(&self, key: &str, expected: &str, accepted: impl Fn(&Value) -> bool) -> Result<()> {
        match self.get(key) {
            Some(value) if !accepted(value) => Err(self.refused(key, expected)),
            _ => Ok(()),
        }
    }
}

/// A whole number, be it written as 3 or as 3.0: a browser does not tell them apart.
fn whole(value: &Value, range: &RangeInclusive<u32>) -> Option<u32> {
    let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
    ((*range.start()).into()..=(*range.end()).into()).contains(&number).then_some(number as u32)
}
