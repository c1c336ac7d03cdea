//! Vector units, detected when the program runs; a kernel is compiled once for each.

use std::fmt;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "wasm32"))]
use pulp::Simd;
use pulp::WithSimd;

use crate::error::{Error, Result};

/// A vector unit that this processor has.
#[derive(Clone, Copy)]
pub enum Level {
    /// Plain Rust, for any processor.
    Plain,
    /// 8 lanes and fused multiply-adds.
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    /// 16 lanes.
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    /// 4 lanes.
    #[cfg(target_arch = "aarch64")]
    Neon(pulp::aarch64::Neon),
    /// 4 lanes, without fused multiply-adds: relaxed SIMD rounds as each machine likes.
    #[cfg(target_arch = "wasm32")]
    Simd128(pulp::wasm::Simd128),
}

impl Level {
    /// All names, of this kind of machine or another.
    pub const NAMES: [&'static str; 5] = ["plain", "avx2", "avx512", "neon", "simd128"];

    /// Those that this processor has, the widest last.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Plain];
        #[cfg(target_arch = "x86_64")]
        all.extend(pulp::x86::V3::try_new().map(Self::Avx2));
        #[cfg(target_arch = "x86_64")]
        all.extend(pulp::x86::V4::try_new().map(Self::Avx512));
        #[cfg(target_arch = "aarch64")]
        all.extend(pulp::aarch64::Neon::try_new().map(Self::Neon));
        #[cfg(target_arch = "wasm32")]
        all.extend(pulp::wasm::Simd128::try_new().map(Self::Simd128));
        all
    }

    /// The widest that this processor has.
    pub fn widest() -> Self {
        Self::all().pop().unwrap_or(Self::Plain)
    }

    /// The one of [`Self::NAMES`] that is called `name`.
    ///
    /// # Errors
    /// If there is none, or this processor lacks it.
    pub fn named(name: &str) -> Result<Self> {
        let all = Self::all();
        if let Some(level) = all.iter().find(|level| level.name() == name) {
            return Ok(*level);
        }
        let found: Vec<&str> = all.iter().map(|level| level.name()).collect();
        let what = if Self::NAMES.contains(&name) { "this processor lacks" } else { "there is no" };
        Err(Error::input(format!("vector unit: expected one of {}; {what} {name}", found.join(", "))))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => "neon",
            #[cfg(target_arch = "wasm32")]
            Self::Simd128(_) => "simd128",
        }
    }

    /// f32 lanes of a vector.
    pub fn lanes(self) -> usize {
        match self {
            Self::Plain => 1,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => 8,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => 16,
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => 4,
            #[cfg(target_arch = "wasm32")]
            Self::Simd128(_) => 4,
        }
    }

    /// Calls `op` as it was compiled for this vector unit.
    #[inline(always)]
    pub fn run<Op: WithSimd>(self, op: Op) -> Op::Output {
        match self {
            Self::Plain => op.with_simd(pulp::Scalar),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => Simd::vectorize(simd, op),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => Simd::vectorize(simd, op),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => Simd::vectorize(simd, op),
            #[cfg(target_arch = "wasm32")]
            Self::Simd128(simd) => Simd::vectorize(simd, op),
        }
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl PartialEq for Level {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Level {}

/// Declares a function that is compiled once for each vector unit; the first argument of a call is the [`Level`]. In its body
/// `$simd` is the unit, for explicit vectors; loops over slices become vectors by themselves. References have the lifetime `'a`.
macro_rules! vectorised {
    ($(#[$meta:meta])* $vis:vis fn $name:ident<'a>($simd:ident: $S:ident $(, $arg:ident: $ty:ty)* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        #[expect(clippy::allow_attributes, reason = "what a function does not need, it may leave")]
        $vis fn $name<'a>(level: $crate::gpu::Level $(, $arg: $ty)*) $(-> $ret)? {
            struct Op<'a> {
                $($arg: $ty,)*
                lifetime: std::marker::PhantomData<&'a ()>,
            }
            impl<'a> pulp::WithSimd for Op<'a> {
                type Output = vectorised!(@output $($ret)?);
                #[inline(always)]
                #[allow(unused_variables, unused_mut, reason = "plain loops name no vectors")]
                fn with_simd<$S: pulp::Simd>(self, $simd: $S) -> Self::Output {
                    let Self { $(mut $arg,)* lifetime: _ } = self;
                    $body
                }
            }
            level.run(Op { $($arg,)* lifetime: std::marker::PhantomData })
        }
    };
    (@output) => { () };
    (@output $ret:ty) => { $ret };
}
pub(crate) use vectorised;
