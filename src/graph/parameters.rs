//! Where the values of a network's parameters come from.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::error::{Error, Result};

/// Values of parameters by checkpoint name.
pub trait Parameters {
    /// The parameter's elements in the checkpoint's order.
    ///
    /// # Errors
    /// If there is none of that name.
    fn read(&self, name: &str) -> Result<Cow<'_, [f32]>>;
}

impl Parameters for HashMap<String, Vec<f32>> {
    fn read(&self, name: &str) -> Result<Cow<'_, [f32]>> {
        let values = self.get(name).ok_or_else(|| Error::load(format!("no parameter {name}")))?;
        Ok(Cow::Borrowed(values))
    }
}
