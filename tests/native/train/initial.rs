//! The parameters before training.

use ddpm::graph::unet;
use ddpm::train::initial_weights;

use super::small_unet;

#[test]
fn initial_weights_are_as_documented() {
    let unet = small_unet(Some(5), 0.0);
    let graph = unet::describe(&unet, [8, 8]).expect("a graph");
    let weights = initial_weights(&graph, 3).expect("weights");
    for param in &graph.params {
        let values = weights.get(&param.name).expect("every parameter");
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let square = values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32;
        let name = &param.name;
        if param.shape.len() == 1 {
            let expected = if name.ends_with("weight") { 1.0 } else { 0.0 };
            assert!(values.iter().all(|&v| v == expected), "{name}");
        } else if name.contains("conv2") || name.contains("to_out") || name.starts_with("conv_out") {
            assert!(values.iter().all(|&v| v == 0.0), "{name}");
        } else if name == "class_embedding.weight" {
            assert!((square - 1.0).abs() < 0.4 && mean.abs() < 0.3, "{name}: {mean} {square}");
        } else {
            let taps: usize = param.shape[2..].iter().product();
            let bound = (6.0 / ((param.shape[0] + param.shape[1]) * taps) as f32).sqrt();
            assert!(values.iter().all(|v| v.abs() <= bound), "{name}");
            // The variance of a uniform number is bound² / 3.
            assert!((square / (bound * bound / 3.0) - 1.0).abs() < 0.5, "{name}: {square} of {bound}");
        }
    }
    let again = initial_weights(&graph, 3).expect("weights");
    let other = initial_weights(&graph, 4).expect("weights");
    let conv = |weights: &ddpm::checkpoint::Weights| weights.get("conv_in.weight").expect("conv_in").into_owned();
    assert_eq!(conv(&weights), conv(&again));
    assert_ne!(conv(&weights), conv(&other));
}
