//! The one error type: each is a sentence that names the file or tensor, what was expected and what was found.

use std::fmt;

/// What kind of thing went wrong; the page maps it to a typed `error` event, the command line to its sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// An argument, a configuration or a request that makes no sense.
    Input,
    /// A file that cannot be read, parsed or written.
    Load,
    /// A checkpoint that asks for something this crate does not do.
    Unsupported,
    /// No adapter, or none that fits `--adapter`.
    NoAdapter,
    /// The adapter's limits are too small for the request.
    Limits,
    /// The device ran out of memory.
    OutOfMemory,
    /// The device was lost.
    DeviceLost,
    /// The device computes wrong numbers.
    SelfTest,
}

/// An error: one sentence for people, a kind for programs.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// The crate's result type.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of `kind`, saying `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Bad arguments or configuration.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    /// A file that cannot be read, parsed or written.
    pub fn load(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Load, message)
    }

    /// A checkpoint that asks for something this crate does not do.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The same error with `context` (a file's name, say) in front.
    #[must_use]
    pub fn within(self, context: impl fmt::Display) -> Self {
        Self { kind: self.kind, message: format!("{context}: {}", self.message) }
    }
}

/// A number as a sentence has it. Where a page runs the browser writes it: Rust's own way weighs as much as the U-Net's
/// description.
pub(crate) fn decimal(value: impl fmt::Display + Into<f64>) -> String {
    #[cfg(not(target_arch = "wasm32"))]
    return value.to_string();
    #[cfg(target_arch = "wasm32")]
    return crate::js::decimal(value.into());
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
