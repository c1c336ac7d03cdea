//! A pull reader of RFC 8259's JSON, nothing more: the caller takes apart what it expects.

use std::fmt;

use serde_json::{Map, Number, Value};

use crate::decimal::from_decimal;
use crate::error::Error;

/// Most objects and arrays within one another.
const MAX_DEPTH: usize = 127;

/// Where a text is not what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// What was expected.
    pub expected: &'static str,
    /// Where, in bytes from the start.
    pub at: usize,
}

impl fmt::Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {}", self.expected, self.at)
    }
}

impl From<Syntax> for Error {
    fn from(syntax: Syntax) -> Self {
        Self::load(syntax.to_string())
    }
}

type Result<T> = std::result::Result<T, Syntax>;

/// The value that `text` is. Of a key that is there twice the last value counts.
///
/// # Errors
/// If it is no JSON, nests too deeply, or has a number too large for f64.
pub fn parse(text: &str) -> Result<Value> {
    let mut reader = Reader::new(text);
    let value = reader.value()?;
    reader.end()?;
    Ok(value)
}

/// Reads a text from its start to its end.
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// At the start of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    fn fail<T>(&self, expected: &'static str) -> Result<T> {
        Err(Syntax { expected, at: self.at })
    }

    /// The byte here, white space or not.
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The first byte of what comes after white space.
    fn peek(&mut self) -> Option<u8> {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.byte()
    }

    fn take(&mut self, byte: u8, expected: &'static str) -> Result<()> {
        if self.byte() != Some(byte) {
            return self.fail(expected);
        }
        self.at += 1;
        Ok(())
    }

    /// Enters an object.
    ///
    /// # Errors
    /// If here is none, or too many are open.
    pub fn open_object(&mut self) -> Result<Open> {
        self.open(b'{', b'}', "an object")
    }

    /// Enters an array.
    ///
    /// # Errors
    /// If here is none, or too many are open.
    pub fn open_array(&mut self) -> Result<Open> {
        self.open(b'[', b']', "an array")
    }

    fn open(&mut self, open: u8, close: u8, expected: &'static str) -> Result<Open> {
        self.peek();
        self.take(open, expected)?;
        if self.depth == MAX_DEPTH {
            return self.fail("less depth");
        }
        self.depth += 1;
        Ok(Open { close, first: true })
    }

    /// Whether another member or element comes; leaves the object or array where none does.
    ///
    /// # Errors
    /// If here is neither a comma nor the end.
    pub fn more(&mut self, open: &mut Open) -> Result<bool> {
        if self.peek() == Some(open.close) {
            self.at += 1;
            self.depth -= 1;
            return Ok(false);
        }
        if !std::mem::take(&mut open.first) {
            self.take(b',', "a comma or the end of a list")?;
        }
        Ok(true)
    }

    /// A member's key and colon.
    ///
    /// # Errors
    /// If they are not here.
    pub fn key(&mut self) -> Result<String> {
        let key = self.string()?;
        self.peek();
        self.take(b':', "a colon")?;
        Ok(key)
    }

    /// A string.
    ///
    /// # Errors
    /// If here is none, or it has a control character or half a surrogate pair.
    pub fn string(&mut self) -> Result<String> {
        self.peek();
        self.take(b'"', "a string")?;
        let mut string = String::new();
        loop {
            let start = self.at;
            while self.byte().is_some_and(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
                self.at += 1;
            }
            // Stopped before an ASCII byte or at the end, so between characters.
            string.push_str(&self.text[start..self.at]);
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => {
                    self.at += 1;
                    string.push(self.escaped()?);
                }
                _ => return self.fail("the end of a string"),
            }
        }
    }

    /// The character of an escape sequence, whose backslash was taken.
    fn escaped(&mut self) -> Result<char> {
        const EXPECTED: &str = "an escape sequence";
        let plain = match self.byte() {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                self.at += 1;
                let mut code = self.hexadecimal()?;
                if (0xd800..0xdc00).contains(&code) {
                    self.take(b'\\', "the second half of a surrogate pair")?;
                    self.take(b'u', "the second half of a surrogate pair")?;
                    let low = self.hexadecimal()?.wrapping_sub(0xdc00);
                    if low >= 0x400 {
                        return self.fail("the second half of a surrogate pair");
                    }
                    code = 0x10000 + ((code - 0xd800) << 10) + low;
                }
                return char::from_u32(code).map_or_else(|| self.fail(EXPECTED), Ok);
            }
            _ => return self.fail(EXPECTED),
        };
        self.at += 1;
        Ok(plain.into())
    }

    /// Four hexadecimal digits.
    fn hexadecimal(&mut self) -> Result<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.byte().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else { return self.fail("four hexadecimal digits") };
            code = code << 4 | digit;
            self.at += 1;
        }
        Ok(code)
    }

    /// A whole number.
    ///
    /// # Errors
    /// If here is none, or one that is negative, or that u64 does not hold.
    pub fn u64(&mut self) -> Result<u64> {
        match self.number()?.as_u64() {
            Some(number) => Ok(number),
            None => self.fail("a whole number before this"),
        }
    }

    /// A number: u64 or i64 if it is written whole and is one, or else f64.
    fn number(&mut self) -> Result<Number> {
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        let start = self.at;
        let mut digits = Digits::default();
        self.digits(&mut digits, false)?;
        if self.at - start > 1 && self.text.as_bytes()[start] == b'0' {
            return self.fail("a number without leading zeros before this");
        }
        let mut whole = !digits.full;
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits(&mut digits, true)?;
            whole = false;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            let down = self.byte() == Some(b'-');
            self.at += usize::from(matches!(self.byte(), Some(b'-' | b'+')));
            let mut power = Digits::default();
            self.digits(&mut power, false)?;
            // No text is so long that its digits would make up for such a power.
            let power = power.number.min(1 << 30) as i32;
            digits.exponent += if down { -power } else { power };
            whole = false;
        }
        let number = match i64::try_from(digits.number) {
            _ if whole && !negative => Some(digits.number.into()),
            Ok(number) if whole && number > 0 => Some((-number).into()),
            _ => {
                let x = from_decimal(digits.number, digits.exponent);
                Number::from_f64(if negative { -x } else { x })
            }
        };
        number.map_or_else(|| self.fail("a number that f64 holds before this"), Ok)
    }

    /// Appends the digits that are here, one or more, to `digits`.
    fn digits(&mut self, digits: &mut Digits, fraction: bool) -> Result<()> {
        let start = self.at;
        while let Some(byte @ b'0'..=b'9') = self.byte() {
            digits.push(byte - b'0', fraction);
            self.at += 1;
        }
        if self.at == start { self.fail("a digit") } else { Ok(()) }
    }

    /// Any value.
    ///
    /// # Errors
    /// As [`parse`].
    pub fn value(&mut self) -> Result<Value> {
        match self.peek() {
            Some(b'{') => {
                let mut map = Map::new();
                let mut open = self.open_object()?;
                while self.more(&mut open)? {
                    let key = self.key()?;
                    map.insert(key, self.value()?);
                }
                Ok(map.into())
            }
            Some(b'[') => {
                let mut values = Vec::new();
                let mut open = self.open_array()?;
                while self.more(&mut open)? {
                    values.push(self.value()?);
                }
                Ok(values.into())
            }
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            _ => {
                let words = [("null", Value::Null), ("true", true.into()), ("false", false.into())];
                match words.into_iter().find(|(word, _)| self.text[self.at..].starts_with(word)) {
                    Some((word, value)) => {
                        self.at += word.len();
                        Ok(value)
                    }
                    None => self.fail("a value"),
                }
            }
        }
    }

    /// Passes over any value, building nothing.
    ///
    /// # Errors
    /// As [`parse`].
    pub fn skip(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'{') => {
                let mut open = self.open_object()?;
                while self.more(&mut open)? {
                    self.key()?;
                    self.skip()?;
                }
                Ok(())
            }
            Some(b'[') => {
                let mut open = self.open_array()?;
                while self.more(&mut open)? {
                    self.skip()?;
                }
                Ok(())
            }
            _ => self.value().map(drop),
        }
    }

    /// The end of the text.
    ///
    /// # Errors
    /// If more than white space is left.
    pub fn end(&mut self) -> Result<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.fail("the end of the text"),
        }
    }
}

/// number·10^exponent, digit by digit.
#[derive(Default)]
struct Digits {
    number: u64,
    exponent: i32,
    /// Whether a digit found no room; none does after it.
    full: bool,
}

impl Digits {
    fn push(&mut self, digit: u8, fraction: bool) {
        let longer = self.number.checked_mul(10).and_then(|number| number.checked_add(digit.into()));
        match longer.filter(|_| !self.full) {
            Some(longer) => self.number = longer,
            None => self.full = true,
        }
        self.exponent += i32::from(self.full) - i32::from(fraction);
    }
}

/// An object or array that was entered.
pub struct Open {
    close: u8,
    first: bool,
}
