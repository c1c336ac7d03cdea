//! What a checkpoint says of itself beyond diffusers' configurations: the `ddpm` text of its metadata.

use serde_json::{Map, Value};

use super::json::{Fields, parse_object};
use crate::error::{Error, Result};
use crate::spec::UNetSpec;

/// The format that this crate reads and writes.
const FORMAT: u32 = 1;

/// The `ddpm` metadata.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// Names of the labels, by label; empty if they have none. The null class may be left out where it is the last.
    pub class_names: Vec<String>,
    /// The label that stands for no label, for classifier-free guidance; without it every label is an ordinary one.
    pub null_class: Option<u32>,
    /// What people should know: data, training, measures, licence.
    pub card: Option<Value>,
}

impl Metadata {
    /// Reads a `ddpm` text.
    pub(super) fn from_json(text: &str) -> Result<Self> {
        let mut map = parse_object(text)?;
        let fields = Fields(&map);
        if fields.get("format").and_then(Value::as_u64) != Some(FORMAT.into()) {
            return Err(fields.refused("format", FORMAT));
        }
        let class_names = match fields.given("class_names") {
            Some(_) => fields.text_list("class_names")?.into_iter().map(str::to_owned).collect(),
            None => Vec::new(),
        };
        let null_class = fields.optional_u32("null_class", None, 0..=u32::MAX)?;
        let card = map.get_mut("card").map(Value::take).filter(|card| !card.is_null());
        Ok(Self { class_names, null_class, card })
    }

    /// The `ddpm` text.
    pub(super) fn to_json(&self) -> Value {
        let mut map = Map::new();
        map.insert("format".into(), FORMAT.into());
        if !self.class_names.is_empty() {
            map.insert("class_names".into(), self.class_names.clone().into());
        }
        if let Some(null_class) = self.null_class {
            map.insert("null_class".into(), null_class.into());
        }
        if let Some(card) = &self.card {
            map.insert("card".into(), card.clone());
        }
        map.into()
    }

    /// Checks that names and null class are those of the network's class embedding.
    pub(super) fn validate(&self, unet: &UNetSpec) -> Result<()> {
        let rows = unet.num_class_embeds.unwrap_or(0);
        if let Some(null_class) = self.null_class.filter(|&null_class| null_class >= rows) {
            return Err(Error::load(format!(
                "null_class: expected less than num_class_embeds ({rows}), found {null_class}"
            )));
        }
        let names = self.class_names.len();
        let rows = rows as usize;
        let without_null = self.null_class.is_some_and(|null_class| null_class as usize + 1 == rows);
        if names == 0 || names == rows || without_null && names + 1 == rows {
            return Ok(());
        }
        Err(Error::load(format!(
            "class_names: expected one for each of num_class_embeds ({rows}), found {names}"
        )))
    }
}
