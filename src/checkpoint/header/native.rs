//! A header's JSON visited by `serde_json` as it is read: nothing is built of it but what is kept.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Header, Info, METADATA, Numbers, Texts, no_header, no_info, no_texts};
use crate::error::{Error, Result};

/// Takes up all that `json` says.
pub(super) fn visit(json: &str, header: &mut Header) -> Result<()> {
    let mut visitor = HeaderVisitor { header, metadata_seen: false, error: None };
    let mut reader = serde_json::Deserializer::from_str(json);
    let visited = (&mut reader).deserialize_map(&mut visitor).and_then(|()| reader.end());
    visited.map_err(|error| visitor.error.unwrap_or_else(|| no_header(&error.to_string())))
}

struct HeaderVisitor<'a> {
    header: &'a mut Header,
    metadata_seen: bool,
    /// Says better than serde's error what was wrong.
    error: Option<Error>,
}

impl<'de> Visitor<'de> for &mut HeaderVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let taken = if name != METADATA {
                let info = map.next_value_seed(InfoSeed).map_err(|error| no_info(&name, &error.to_string()));
                info.and_then(|info| self.header.add_tensor(&name, info))
            } else if std::mem::replace(&mut self.metadata_seen, true) {
                Err(Error::load("__metadata__: expected once in the header, found twice"))
            } else {
                let visited = map.next_value_seed(TextsSeed(&mut self.header.texts));
                visited.map_err(|error| no_texts(&error.to_string()))
            };
            if let Err(error) = taken {
                self.error = Some(error);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

/// Visits `__metadata__`, whose values must be strings, and keeps ours.
struct TextsSeed<'a>(&'a mut Texts);

impl<'de> DeserializeSeed<'de> for TextsSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TextsSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let text = map.next_value::<String>()?;
            if self.0.place(&key).is_some_and(|place| place.replace(text).is_some()) {
                return Err(A::Error::custom(format_args!("{key}: expected once, found twice")));
            }
        }
        Ok(())
    }
}

/// Visits one tensor's object.
struct InfoSeed;

impl<'de> DeserializeSeed<'de> for InfoSeed {
    type Value = Info;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Info, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for InfoSeed {
    type Value = Info;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object with dtype, shape and data_offsets")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Info, A::Error> {
        let mut info = Info::default();
        while let Some(key) = map.next_key::<String>()? {
            let twice = match key.as_str() {
                "dtype" => info.dtype.replace(map.next_value()?).is_some(),
                "shape" => info.shape.replace(map.next_value_seed(Numbers::default())?).is_some(),
                "data_offsets" => info.offsets.replace(map.next_value_seed(Numbers::default())?).is_some(),
                _ => map.next_value::<IgnoredAny>().map(|_| false)?,
            };
            if twice {
                return Err(A::Error::custom(format_args!("{key}: expected once, found twice")));
            }
        }
        Ok(info)
    }
}

impl<'de, const MOST: usize> DeserializeSeed<'de> for Numbers<MOST> {
    type Value = Self;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, const MOST: usize> Visitor<'de> for Numbers<MOST> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of whole numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> std::result::Result<Self, A::Error> {
        while let Some(number) = seq.next_element::<u64>()? {
            self.push(number);
        }
        Ok(self)
    }
}
