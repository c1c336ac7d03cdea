//! The nearest pictures, on pictures of which they are known.

use ddpm::dataset::{Dataset, to_signed};
use ddpm::eval::{Neighbour, nearest};

#[test]
fn the_nearest_picture_is_found_and_the_first_of_two() {
    let pixels = vec![0, 0, 10, 10, 200, 100, 10, 10];
    let dataset = Dataset::new([1, 1, 2], pixels, None, Vec::new()).expect("a data set");
    let found = nearest(&dataset, &[10, 14, 255, 255, 0, 1].map(to_signed));
    let want =
        [(1, 8f64.sqrt()), (2, (55.0f64.powi(2) / 2.0 + 155.0f64.powi(2) / 2.0).sqrt()), (0, 0.5f64.sqrt())];
    assert_eq!(found.len(), want.len());
    for (Neighbour { picture_ix, distance }, (ix, expected)) in found.into_iter().zip(want) {
        assert_eq!(picture_ix, ix);
        assert!((distance - expected).abs() < 1e-12, "{distance}, expected {expected}");
    }
}
