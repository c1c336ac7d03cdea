//! Self-attention: `shaders/attention.wgsl` (GPUs) and `attention_texel.wgsl` (CPU adapters).

use super::network::Recording;
use crate::error::Result;
use crate::gpu::{Binding, KernelKey, Params, Shader, Tile, params, wgsl};
use crate::graph::TensorId;

params! {
    /// Sizes of an attention; the fields are explained in `shaders/include/attention_tiles.wgsl`.
    pub struct Attention {
        /// Batch size.
        samples: u32,
        /// Pixels a sample.
        tokens: u32,
        /// `vec4`s of a row of scores.
        token_quads: u32,
        /// Heads.
        heads: u32,
        /// `vec4`s of a head.
        head_quads: u32,
        /// 1 / √head_dim.
        scale: f32,
        /// Unused.
        pad0: u32,
        /// Unused.
        pad1: u32,
    }
}

const ENTRY_POINTS: &[&str] = &["attention_scores", "attention_softmax", "attention_output"];

/// `shaders/attention.wgsl`.
pub static ATTENTION: Shader = Shader {
    name: "attention",
    source: wgsl!("attention"),
    params: Attention::LAYOUT,
    bindings: &[("qkv", Binding::Read), ("scores", Binding::ReadWrite), ("out", Binding::ReadWrite)],
    entry_points: ENTRY_POINTS,
    consts: &[],
};

/// `shaders/attention_texel.wgsl`.
pub static ATTENTION_TEXEL: Shader = Shader {
    name: "attention_texel",
    source: wgsl!("attention_texel"),
    params: Attention::LAYOUT,
    bindings: &[
        ("qkv", Binding::Texels),
        ("weights", Binding::Texels),
        ("scores", Binding::ReadWrite),
        ("out", Binding::ReadWrite),
    ],
    entry_points: ENTRY_POINTS,
    consts: &[],
};

/// The shader for `tile`.
pub(super) fn shader(tile: Tile) -> &'static Shader {
    match tile {
        Tile::Registers => &ATTENTION_TEXEL,
        _ => &ATTENTION,
    }
}

pub(super) fn record(
    r: &mut Recording<'_, '_>,
    qkv: TensorId,
    heads: u32,
    head_dim: u32,
    out: TensorId,
) -> Result<()> {
    let label = r.graph.tensor(out).name.clone();
    let tokens = r.graph.tensor(qkv).pixels();
    let params = Attention {
        samples: r.batch,
        tokens,
        token_quads: tokens.div_ceil(4),
        heads,
        head_quads: head_dim.div_ceil(4),
        scale: (f64::from(head_dim).sqrt().recip()) as f32,
        pad0: 0,
        pad1: 0,
    };
    let rows = r.batch * heads * tokens;
    let scores = r.scores(u64::from(rows) * u64::from(params.token_quads) * 4)?;
    let (qkv, out) = (r.activation(qkv), r.activation(out));
    let tiles = r.batch * heads * tokens.div_ceil(4);
    let [score_tiles, output_tiles] = [params.token_quads, params.head_quads].map(|q| tiles * q.div_ceil(2));
    let [scores_entry, softmax_entry, output_entry] = [ENTRY_POINTS[0], ENTRY_POINTS[1], ENTRY_POINTS[2]];
    let shader = shader(r.rec.gpu.tile());
    let key = |entry| KernelKey::new(shader, entry);
    if let Tile::Registers = r.rec.gpu.tile() {
        let qkv = r.texels_of(&qkv)?;
        let weights = r.weight_texels(&scores)?;
        let args = [(&qkv).into(), (&weights).into(), (&scores).into(), (&out).into()];
        r.rec.dispatch_items(&label, key(scores_entry), &params, &args, score_tiles)?;
        r.rec.dispatch_items(&label, key(softmax_entry), &params, &args, rows)?;
        r.rec.copy_to_texels(&scores, &weights);
        r.rec.dispatch_items(&label, key(output_entry), &params, &args, output_tiles)
    } else {
        let args = [(&qkv).into(), (&scores).into(), (&out).into()];
        r.rec.dispatch_items(&label, key(scores_entry), &params, &args, score_tiles)?;
        r.rec.dispatch_items(&label, key(softmax_entry), &params, &args, rows)?;
        r.rec.dispatch_items(&label, key(output_entry), &params, &args, output_tiles)
    }
}
