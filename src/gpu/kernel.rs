//! Kernels: WGSL files, what Rust believes about their interface, compiled pipelines, and the host functions of the same names.
//!
//! The belief ([`Shader::params`], [`Shader::bindings`], [`Shader::entry_points`]) is compared with naga's
//! reflection by a test, so no comment has to ask for it.

#[cfg(feature = "processor")]
pub use super::processor::HostKernel;

/// A build without processors has no host kernels.
#[cfg(not(feature = "processor"))]
#[derive(Clone, Copy, Debug)]
pub enum HostKernel {}

/// Name, size and fields of a uniform block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParamsLayout {
    /// The struct's name, in Rust and in WGSL.
    pub name: &'static str,
    /// Bytes.
    pub size: usize,
    /// Name and byte offset of each field: only tests look.
    #[cfg(feature = "tuning")]
    pub fields: &'static [(&'static str, usize)],
}

/// A uniform block: a `repr(C)` struct of u32, i32 and f32.
pub trait Params: bytemuck::NoUninit {
    /// Its layout.
    const LAYOUT: ParamsLayout;
}

/// Declares a uniform block's Rust twin.
macro_rules! params {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
        pub struct $name { $($(#[$field_meta])* pub $field: $ty,)* }

        impl $crate::gpu::Params for $name {
            const LAYOUT: $crate::gpu::ParamsLayout = $crate::gpu::ParamsLayout {
                name: stringify!($name),
                size: size_of::<$name>(),
                #[cfg(feature = "tuning")]
                fields: &[$((stringify!($field), std::mem::offset_of!($name, $field)),)*],
            };
        }
    };
}
pub(crate) use params;

/// What a shader binds at `@group(0)`, after the uniform block at `@binding(0)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// `var<storage, read>`.
    Read,
    /// `var<storage, read_write>`.
    ReadWrite,
    /// `texture_2d<f32>`, fetched and never filtered.
    Texels,
}

/// A WGSL file of compute kernels and its interface.
#[derive(Debug)]
pub struct Shader {
    /// The file's stem; the op's name.
    pub name: &'static str,
    /// The file's text, imports not resolved.
    pub source: &'static str,
    /// The uniform block at binding 0.
    pub params: ParamsLayout,
    /// Name and kind of bindings 1, 2, …
    pub bindings: &'static [(&'static str, Binding)],
    /// Entry points.
    pub entry_points: &'static [&'static str],
    /// `const`s that are set for each kernel, and the values in use.
    pub consts: &'static [(&'static str, &'static [u32])],
    /// What a processor calls in place of each entry point; empty where a processor has another kernel.
    pub host: &'static [HostKernel],
}

impl Shader {
    /// Every combination of the consts' values in use.
    pub fn const_sets(&self) -> Vec<[u32; 2]> {
        let values = |ix: usize| self.consts.get(ix).map_or(&[0][..], |(_, values)| values);
        values(0).iter().flat_map(|&first| values(1).iter().map(move |&second| [first, second])).collect()
    }
}

/// One kernel: an entry point of a shader with its consts set.
#[derive(Clone, Copy, Debug)]
pub struct KernelKey {
    /// The file.
    pub shader: &'static Shader,
    /// The entry point.
    pub entry_point: &'static str,
    /// Values of [`Shader::consts`], in their order; 0 where there are fewer.
    pub consts: [u32; 2],
}

impl KernelKey {
    /// An entry point without consts.
    pub fn new(shader: &'static Shader, entry_point: &'static str) -> Self {
        Self { shader, entry_point, consts: [0; 2] }
    }

    /// `shader::entry_point`, or once where they are the same, and the consts that are set.
    #[cfg(feature = "tuning")]
    pub fn name(&self) -> String {
        let (shader, entry_point) = (self.shader.name, self.entry_point);
        let name = if shader == entry_point { shader.to_owned() } else { format!("{shader}::{entry_point}") };
        let consts = self.shader.consts.iter().zip(self.consts).map(|((name, _), n)| format!(" {name}={n}"));
        name + &consts.collect::<String>()
    }

    /// The host function of the entry point, if there is one.
    pub fn host(&self) -> Option<HostKernel> {
        let ix = self.shader.entry_points.iter().position(|entry_point| *entry_point == self.entry_point)?;
        self.shader.host.get(ix).copied()
    }

    fn identity(&self) -> (&'static str, &'static str, [u32; 2]) {
        (self.shader.name, self.entry_point, self.consts)
    }
}

impl PartialEq for KernelKey {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for KernelKey {}

/// The text of a file of `shaders/`, named without its ending.
#[cfg(all(feature = "gpu", not(feature = "page")))]
macro_rules! wgsl {
    ($($path:literal)+) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $($path,)+ ".wgsl"))
    };
}
/// The text of a file of `shaders/`, named without its ending; its comments are left out by `build.rs`.
#[cfg(feature = "page")]
macro_rules! wgsl {
    ($($path:literal)+) => { include_str!(concat!(env!("OUT_DIR"), "/shaders/", $($path,)+ ".wgsl")) };
}
/// A build without adapters has no shaders.
#[cfg(not(feature = "gpu"))]
macro_rules! wgsl {
    ($($path:literal)+) => {
        ""
    };
}
pub(crate) use wgsl;

macro_rules! include_file {
    ($name:literal) => {
        ($name, wgsl!("include/" $name))
    };
}

/// The files of `shaders/include` that a shader of this build may import.
const INCLUDES: &[(&str, &str)] = &[
    #[cfg(any(feature = "train", feature = "evaluation"))]
    include_file!("bound"),
    include_file!("chain"),
    include_file!("conv2d"),
    #[cfg(feature = "tuning")]
    include_file!("conv2d_partials"),
    include_file!("conv2d_rows"),
    include_file!("conv2d_sources"),
    #[cfg(feature = "train")]
    include_file!("conv2d_splits"),
    include_file!("conv2d_tile"),
    include_file!("grid"),
    #[cfg(feature = "tuning")]
    include_file!("matrices_16"),
    #[cfg(feature = "tuning")]
    include_file!("matrices_8"),
    include_file!("matmul_tile"),
    include_file!("normal"),
    include_file!("philox"),
    include_file!("prediction"),
    include_file!("silu"),
    include_file!("texel"),
    include_file!("turns"),
    #[cfg(feature = "evaluation")]
    include_file!("variance"),
    include_file!("winograd"),
    include_file!("winograd_input"),
    include_file!("winograd_output"),
    include_file!("winograd_planes"),
];

/// The whole text of a shader: consts set, imports appended (once each), so that error lines stay true. Where an import's name
/// ends in a const's, its value takes the name's place.
///
/// # Panics
/// If the file imports a name that is not in `shaders/include`; a test assembles every shader.
pub fn assemble(shader: &Shader, consts: &[u32]) -> String {
    let mut text = with_consts(shader, consts);
    let mut seen: Vec<String> = Vec::new();
    loop {
        let next = text
            .lines()
            .filter_map(|line| line.strip_prefix("//#import "))
            .find(|name| !seen.iter().any(|s| s == name))
            .map(str::to_owned);
        let Some(name) = next else { return text };
        #[cfg(feature = "tuning")]
        let file = with_const_value(shader, consts, &name);
        #[cfg(not(feature = "tuning"))]
        let file = &name;
        let include = INCLUDES.iter().find(|(n, _)| *n == file);
        let (_, include) = include.unwrap_or_else(|| panic!("{}: no include {name}", shader.name));
        text.push('\n');
        text.push_str(include);
        seen.push(name);
    }
}

/// `name` with the value of the const that it ends in: `matrices_SIDE` is `matrices_16`. Without values, their first in use.
#[cfg(feature = "tuning")]
fn with_const_value(shader: &Shader, consts: &[u32], name: &str) -> String {
    let values = shader.consts.iter().zip(0..).map(|((const_name, values), ix)| {
        (const_name, consts.get::<usize>(ix).copied().unwrap_or(values[0]))
    });
    let mut prefixes = values.filter_map(|(const_name, value)| Some((name.strip_suffix(const_name)?, value)));
    prefixes.next().map_or(name.to_owned(), |(prefix, value)| format!("{prefix}{value}"))
}

/// A shader's own text with `consts` as the values of its consts, each alone on its line.
fn with_consts(shader: &Shader, consts: &[u32]) -> String {
    let mut text = String::with_capacity(shader.source.len() + 8);
    let mut set = 0;
    for line in shader.source.lines() {
        let name = line
            .trim_start()
            .strip_prefix("const ")
            .and_then(|rest| rest.split_once(':'))
            .map(|(name, _)| name);
        match shader.consts.iter().zip(consts).find(|((const_name, _), _)| Some(*const_name) == name) {
            Some(((name, _), value)) => {
                text += &format!("const {name}: u32 = {value}u;");
                set += 1;
            }
            None => text += line,
        }
        text.push('\n');
    }
    assert!(set == shader.consts.len().min(consts.len()), "{}: a const is missing", shader.name);
    text
}
