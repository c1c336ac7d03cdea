//! diffusers' `UNet2DModel` configuration (`config.json`) to [`UNetSpec`] and back.
//!
//! A missing key has the default of diffusers' constructor. Not supported, and refused by name: other blocks than
//! Down/AttnDown/Up/AttnUp, Fourier and learned time embeddings, class embeddings other than a table, activations
//! other than SiLU, `center_input_sample`, no middle block, `mid_block_scale_factor`, ResNet up- and downsampling.

use serde_json::{Value, json};

use super::DIFFUSERS_VERSION;
use super::json::{Fields, parse_object};
use crate::error::{Error, Result, decimal};
use crate::spec::{BlockKind, DownsamplePadding, TimeConditioning, UNetSpec};

/// Most resolution levels.
const MAX_LEVELS: usize = 12;
/// Most ResNet blocks a level.
const MAX_LAYERS: u32 = 64;
/// Most channels of a level.
const MAX_CHANNELS: u32 = 8192;
/// Widest time embedding.
const MAX_TIME_EMBEDDING: u32 = 4 * MAX_CHANNELS;
/// Most rows of the class embedding.
const MAX_CLASSES: u32 = 1 << 16;
/// Largest height and width, in pixels.
const MAX_SIZE: u32 = 1 << 14;
/// Most elements of the finest level's feature map of one picture.
const MAX_MAP: u64 = 1 << 28;

impl UNetSpec {
    /// Reads a `config.json`.
    ///
    /// # Errors
    /// One sentence with the key, what was expected and what was found: for text that is not a JSON object, for values
    /// that make no sense, and for whatever this crate does not do.
    pub fn from_json(text: &str) -> Result<Self> {
        let map = parse_object(text)?;
        let fields = Fields(&map);
        refuse_unsupported(&fields)?;

        let block_out_channels = match fields.get("block_out_channels") {
            None => vec![224, 448, 672, 896],
            Some(_) => fields.u32_list("block_out_channels", 1..=MAX_CHANNELS)?,
        };
        let plain_then_attention =
            [BlockKind::Plain, BlockKind::Attention, BlockKind::Attention, BlockKind::Attention];
        let attention_then_plain =
            [BlockKind::Attention, BlockKind::Attention, BlockKind::Attention, BlockKind::Plain];
        let spec = Self {
            sample_size: sample_size(&fields)?,
            in_channels: fields.u32("in_channels", 3, 1..=MAX_CHANNELS)?,
            out_channels: fields.u32("out_channels", 3, 1..=MAX_CHANNELS)?,
            block_out_channels,
            down_blocks: block_kinds(
                &fields,
                "down_block_types",
                ["DownBlock2D", "AttnDownBlock2D"],
                plain_then_attention,
            )?,
            up_blocks: block_kinds(
                &fields,
                "up_block_types",
                ["UpBlock2D", "AttnUpBlock2D"],
                attention_then_plain,
            )?,
            layers_per_block: fields.u32("layers_per_block", 2, 1..=MAX_LAYERS)?,
            mid_attention: fields.flag("add_attention", true)?,
            attn_norm_num_groups: fields.optional_u32("attn_norm_num_groups", None, 1..=MAX_CHANNELS)?,
            attention_head_dim: fields.optional_u32("attention_head_dim", Some(8), 1..=MAX_CHANNELS)?,
            norm_num_groups: fields.u32("norm_num_groups", 32, 1..=MAX_CHANNELS)?,
            norm_eps: fields.f64("norm_eps", 1e-5)? as f32,
            downsample_padding: match fields.u32("downsample_padding", 1, 0..=1)? {
                0 => DownsamplePadding::Asymmetric,
                _ => DownsamplePadding::Symmetric,
            },
            flip_sin_to_cos: fields.flag("flip_sin_to_cos", true)?,
            freq_shift: fields.f64("freq_shift", 0.0)?,
            time_embedding_dim: fields.optional_u32("time_embedding_dim", None, 1..=MAX_TIME_EMBEDDING)?,
            time_conditioning: match fields.text("resnet_time_scale_shift", "default")? {
                "default" => TimeConditioning::Add,
                "scale_shift" => TimeConditioning::ScaleShift,
                _ => return Err(fields.refused("resnet_time_scale_shift", "\"default\" or \"scale_shift\"")),
            },
            num_class_embeds: fields.optional_u32("num_class_embeds", None, 1..=MAX_CLASSES)?,
            dropout: fields.f64("dropout", 0.0)? as f32,
        };
        spec.validate()?;
        Ok(spec)
    }

    /// The `config.json` that diffusers loads as this network.
    pub fn to_json(&self) -> Value {
        let names =
            |kinds: &[BlockKind], plain: &'static str, attention: &'static str| -> Vec<&'static str> {
                kinds.iter().map(|kind| if *kind == BlockKind::Plain { plain } else { attention }).collect()
            };
        let [height, width] = self.sample_size;
        json!({
            "_class_name": "UNet2DModel",
            "_diffusers_version": DIFFUSERS_VERSION,
            "act_fn": "silu",
            "add_attention": self.mid_attention,
            "attention_head_dim": self.attention_head_dim,
            "attn_norm_num_groups": self.attn_norm_num_groups,
            "block_out_channels": self.block_out_channels,
            "center_input_sample": false,
            "class_embed_type": null,
            "down_block_types": names(&self.down_blocks, "DownBlock2D", "AttnDownBlock2D"),
            "downsample_padding": u32::from(self.downsample_padding == DownsamplePadding::Symmetric),
            "downsample_type": "conv",
            "dropout": shortest(self.dropout),
            "flip_sin_to_cos": self.flip_sin_to_cos,
            "freq_shift": whole_if_possible(self.freq_shift),
            "in_channels": self.in_channels,
            "layers_per_block": self.layers_per_block,
            "mid_block_scale_factor": 1,
            "mid_block_type": "UNetMidBlock2D",
            "norm_eps": shortest(self.norm_eps),
            "norm_num_groups": self.norm_num_groups,
            "num_class_embeds": self.num_class_embeds,
            "num_train_timesteps": null,
            "out_channels": self.out_channels,
            "resnet_time_scale_shift": match self.time_conditioning {
                TimeConditioning::Add => "default",
                TimeConditioning::ScaleShift => "scale_shift",
            },
            "sample_size": if height == width { json!(height) } else { json!([height, width]) },
            "time_embedding_dim": self.time_embedding_dim,
            "time_embedding_type": "positional",
            "up_block_types": names(&self.up_blocks, "UpBlock2D", "AttnUpBlock2D"),
            "upsample_type": "conv",
        })
    }

    /// Checks that the numbers fit one another, so that whatever builds the network need not.
    ///
    /// # Errors
    /// One sentence with the key, what was expected and what was found.
    pub fn validate(&self) -> Result<()> {
        let levels = self.block_out_channels.len();
        let fail = |key: &str, expected: String, found: String| {
            Err(Error::load(format!("{key}: expected {expected}, found {found}")))
        };
        let within = |key: &str, value: u32, most: u32| match value {
            1.. if value <= most => Ok(()),
            _ => fail(key, format!("1 to {most}"), value.to_string()),
        };
        if !(1..=MAX_LEVELS).contains(&levels) {
            return fail("block_out_channels", format!("1 to {MAX_LEVELS} levels"), levels.to_string());
        }
        for (key, kinds) in [("down_block_types", &self.down_blocks), ("up_block_types", &self.up_blocks)] {
            if kinds.len() != levels {
                return fail(
                    key,
                    format!("{levels} blocks, as in block_out_channels"),
                    kinds.len().to_string(),
                );
            }
        }
        within("in_channels", self.in_channels, MAX_CHANNELS)?;
        within("layers_per_block", self.layers_per_block, MAX_LAYERS)?;
        within("norm_num_groups", self.norm_num_groups, MAX_CHANNELS)?;
        within("time_embedding_dim", self.time_embedding_dim.unwrap_or(1), MAX_TIME_EMBEDDING)?;
        within("num_class_embeds", self.num_class_embeds.unwrap_or(1), MAX_CLASSES)?;
        if self.out_channels != self.in_channels && self.out_channels != 2 * self.in_channels {
            let expected = format!("in_channels ({0}) or twice that", self.in_channels);
            return fail("out_channels", expected, self.out_channels.to_string());
        }
        for &channels in &self.block_out_channels {
            within("block_out_channels", channels, MAX_CHANNELS)?;
            if !channels.is_multiple_of(self.norm_num_groups) {
                let expected = format!("multiples of norm_num_groups ({})", self.norm_num_groups);
                return fail("block_out_channels", expected, channels.to_string());
            }
        }
        self.validate_time()?;
        self.validate_attention()?;
        for size in self.sample_size {
            within("sample_size", size, MAX_SIZE)?;
            if !size.is_multiple_of(self.size_multiple()) {
                let expected = format!("multiples of {} for {levels} levels", self.size_multiple());
                return fail("sample_size", expected, size.to_string());
            }
        }
        let widest = self.block_out_channels[0].max(self.out_channels);
        let elements =
            self.sample_size.iter().map(|&size| u64::from(size)).product::<u64>() * u64::from(widest);
        if elements > MAX_MAP {
            return fail(
                "sample_size",
                format!("at most {MAX_MAP} elements in a map of {widest} channels"),
                elements.to_string(),
            );
        }
        if !(self.norm_eps > 0.0 && self.norm_eps <= 1.0) {
            return fail("norm_eps", "more than 0 and at most 1".into(), decimal(self.norm_eps));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return fail("dropout", "at least 0 and less than 1".into(), decimal(self.dropout));
        }
        Ok(())
    }

    /// The timestep embedding has `block_out_channels[0]` numbers, half of them sines.
    fn validate_time(&self) -> Result<()> {
        let channels = self.block_out_channels[0];
        if !channels.is_multiple_of(2) {
            return Err(Error::unsupported(format!(
                "block_out_channels: expected an even first level for the sines and cosines of t, found {channels}"
            )));
        }
        let half = f64::from(channels / 2);
        if !(self.freq_shift.is_finite() && self.freq_shift < half) {
            return Err(Error::load(format!(
                "freq_shift: expected less than half of the first level's channels ({}), found {}",
                decimal(half),
                decimal(self.freq_shift)
            )));
        }
        Ok(())
    }

    /// Heads and groups of whole channels, wherever there is attention.
    fn validate_attention(&self) -> Result<()> {
        let channels = &self.block_out_channels;
        let deepest = channels[channels.len() - 1];
        let down = channels.iter().zip(&self.down_blocks);
        let up = channels.iter().rev().zip(&self.up_blocks);
        let mid = self.mid_attention.then_some((&deepest, &BlockKind::Attention));
        for (&channels, _) in down.chain(up).chain(mid).filter(|(_, kind)| **kind == BlockKind::Attention) {
            let head = self.attention_head_dim.unwrap_or(channels);
            if !channels.is_multiple_of(head) {
                return Err(Error::unsupported(format!(
                    "attention_head_dim: expected a divisor of the level's {channels} channels, found {head}"
                )));
            }
        }
        match self.attn_norm_num_groups {
            Some(groups) if self.mid_attention && !deepest.is_multiple_of(groups) => {
                Err(Error::load(format!(
                    "attn_norm_num_groups: expected a divisor of the deepest level's {deepest} channels, found {groups}"
                )))
            }
            _ => Ok(()),
        }
    }
}

/// Refuses by name what [`UNetSpec`] cannot say.
fn refuse_unsupported(fields: &Fields) -> Result<()> {
    fields.only("_class_name", "\"UNet2DModel\"", |name| name == "UNet2DModel")?;
    fields.only("act_fn", "\"silu\" or \"swish\"", |name| {
        name.as_str().is_some_and(|name| ["silu", "swish"].contains(&name.to_ascii_lowercase().as_str()))
    })?;
    fields.only("center_input_sample", "false", |flag| flag == false)?;
    fields.only("class_embed_type", "null", Value::is_null)?;
    fields.only("downsample_type", "\"conv\"", |kind| kind == "conv" || kind.is_null())?;
    fields.only("mid_block_scale_factor", "1", |factor| factor.as_f64() == Some(1.0))?;
    fields.only("mid_block_type", "\"UNetMidBlock2D\"", |kind| kind == "UNetMidBlock2D")?;
    fields.only("time_embedding_type", "\"positional\"", |kind| kind == "positional")?;
    fields.only("upsample_type", "\"conv\"", |kind| kind == "conv" || kind.is_null())
}

/// `sample_size`: one number, or height and width.
fn sample_size(fields: &Fields) -> Result<[u32; 2]> {
    let expected =
        || fields.wrong("sample_size", format_args!("a size of 1 to {MAX_SIZE} pixels or [height, width]"));
    match fields.given("sample_size") {
        Some(Value::Array(_)) => {
            let sizes = fields.u32_list("sample_size", 1..=MAX_SIZE)?;
            sizes.try_into().map_err(|_| expected())
        }
        Some(_) => fields.u32("sample_size", 0, 1..=MAX_SIZE).map(|size| [size; 2]).map_err(|_| expected()),
        None => Err(expected()),
    }
}

/// `down_block_types` or `up_block_types`, whose `names` are those of the plain and of the attention block.
fn block_kinds(
    fields: &Fields,
    key: &str,
    names: [&str; 2],
    default: [BlockKind; 4],
) -> Result<Vec<BlockKind>> {
    if fields.get(key).is_none() {
        return Ok(default.to_vec());
    }
    let kind = |name: &str| match name {
        _ if name == names[0] => Ok(BlockKind::Plain),
        _ if name == names[1] => Ok(BlockKind::Attention),
        _ => Err(fields.refused(key, format_args!("{:?} and {:?} only", names[0], names[1]))),
    };
    fields.text_list(key)?.into_iter().map(kind).collect()
}

/// `value` with no more digits than it takes to tell it from other f32s: 1e-6, not 9.999999974752427e-7.
fn shortest(value: f32) -> Value {
    value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

/// `value` as an integer where it is one, as diffusers writes `freq_shift`.
fn whole_if_possible(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 { Value::from(value as i64) } else { Value::from(value) }
}
