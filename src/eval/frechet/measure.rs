//! Features of a set of pictures, a batch after the other.

use super::{FeatureNetwork, Moments};
use crate::dataset::files::PictureSet;
use crate::error::{Error, Result};

/// The moments of the features of the first `count` pictures of `set`. `progress` hears how many are done.
///
/// # Errors
/// If a picture cannot be read, or the network cannot take the pictures.
///
/// # Panics
/// If the set has fewer.
pub fn measure(
    network: &FeatureNetwork,
    set: &PictureSet,
    count: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<Moments> {
    let mut moments: Option<Moments> = None;
    let mut batch = Vec::new();
    let (mut in_batch, mut done) = (0, 0);
    set.each(count, &mut |picture| {
        batch.extend_from_slice(picture);
        in_batch += 1;
        if in_batch == network.batch() || done + in_batch as u64 == count {
            let features = network.features(&batch, set.size())?;
            let dimension = features.len() / in_batch;
            let moments = moments.get_or_insert_with(|| Moments::new(dimension));
            if dimension != moments.dimension() {
                return Err(Error::input(format!(
                    "features: expected {} of each picture, as of the first, found {dimension}",
                    moments.dimension()
                )));
            }
            moments.push(&features);
            done += in_batch as u64;
            progress(done);
            batch.clear();
            in_batch = 0;
        }
        Ok(())
    })?;
    moments.ok_or_else(|| Error::input(format!("{}: expected 1 picture at least, found 0", set.name())))
}
