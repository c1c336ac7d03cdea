//! Convolutions in mixed precision, where the adapter has matrix units, against twins whose operands are rounded as theirs are.
//! Elsewhere the device is refused, by what is missing.

use std::sync::OnceLock;

use ddpm::gpu::{GpuContext, Tile};

use super::conv2d::Conv;
use super::{Case, TOLERANCE};
use crate::compare::{assert_fails, assert_relative_l2};
use crate::gpu::{block_on, gpu};
use crate::reference::Twin;

/// The device for mixed precision, or why there is none.
fn mixed() -> &'static Result<GpuContext, String> {
    static GPU: OnceLock<Result<GpuContext, String>> = OnceLock::new();
    GPU.get_or_init(|| {
        let name = gpu().adapter().name.clone();
        block_on(GpuContext::request_mixed(Some(&name))).map_err(|error| error.to_string())
    })
}

/// Compares `conv` on matrix units; an adapter without them has been asked, and has said what it lacks.
fn check(conv: &Conv) {
    match mixed() {
        Ok(gpu) => {
            let case = Case { mixed: true, ..conv.case() };
            case.check_in([(gpu.tile(), gpu)]);
        }
        Err(error) => {
            let offers = gpu().adapter().offers.as_ref().expect("an adapter");
            assert!(offers.cooperative_matrices.is_empty(), "{error}");
            assert!(error.contains("mixed precision: expected f16, subgroups"), "{error}");
            assert!(error.contains("found no "), "{error}");
        }
    }
}

#[test]
fn what_the_device_says() {
    match mixed() {
        Ok(gpu) => assert!(matches!(gpu.tile(), Tile::Matrices { .. }), "{:?}", gpu.tile()),
        Err(error) => println!("{error}"),
    }
    check(&Conv { x: vec![16], layers: vec![16], ..Conv::default() });
}

/// Channels that fill matrices, tiles and steps of K, and that do not; rows likewise.
#[test]
fn more_and_less_than_a_tile() {
    for (x, layers, size) in
        [(16, 16, [4, 4]), (17, 33, [5, 13]), (32, 64, [8, 9]), (70, 30, [3, 11]), (132, 65, [8, 8])]
    {
        check(&Conv { x: vec![x], layers: vec![layers], size, ..Conv::default() });
        check(&Conv {
            x: vec![x],
            layers: vec![layers],
            size,
            kernel: 1,
            padding: 0,
            batch: 3,
            ..Conv::default()
        });
    }
}

#[test]
fn strides_and_upsampling() {
    let conv = Conv { x: vec![24], layers: vec![20], batch: 2, ..Conv::default() };
    for size in [[8, 8], [5, 7], [2, 2]] {
        check(&Conv { size, stride: 2, ..conv.clone() });
        check(&Conv { size, stride: 2, padding: 0, ..conv.clone() });
        check(&Conv { size, upsample: true, ..conv.clone() });
    }
}

#[test]
fn what_is_added() {
    let conv = Conv { x: vec![18], layers: vec![21, 3, 8], batch: 3, ..Conv::default() };
    check(&Conv { embedding: true, ..conv.clone() });
    check(&Conv { residual: true, ..conv.clone() });
    check(&Conv { segments: vec![30, 2], ..conv });
}

/// Layers of fewer than 16 channels are computed in f32.
#[test]
fn few_channels_keep_their_precision() {
    if let Ok(gpu) = mixed() {
        let conv = Conv { x: vec![9], layers: vec![40], ..Conv::default() };
        conv.case().check_in([(gpu.tile(), gpu)]);
    }
}

/// An exact product is another one.
#[test]
fn rounding_is_seen() {
    let Ok(gpu) = mixed() else { return };
    let case = Conv { x: vec![32], layers: vec![32], ..Conv::default() }.case();
    let exact = Twin::new(&case.graph, &case.parameters).predict(&case.x, &case.timesteps, None);
    let found = case.run(gpu, "mixed");
    assert_relative_l2("mixed precision against none", &found, &exact, 1e-3);
    assert_fails("no rounding", || assert_relative_l2("exact", &found, &exact, TOLERANCE));
}
