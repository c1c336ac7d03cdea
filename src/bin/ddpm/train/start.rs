//! The network that a run begins with.

use std::collections::BTreeMap;

use ddpm::checkpoint::{Checkpoint, Metadata, Weights};
use ddpm::dataset::Dataset;
use ddpm::error::{Error, Result};
use ddpm::graph::Graph;
use ddpm::train::{RunConfig, initial_weights};

/// Keys of a network's configuration in which the model that it begins with may be another.
const FREE: [&str; 3] = ["sample_size", "num_class_embeds", "dropout"];
const CLASSES: &str = "class_embedding.weight";

/// The network of `config`, its weights drawn or, where there is one, `init`'s; and what is to be said of that.
///
/// # Errors
/// If `init` is another network.
pub fn checkpoint(
    config: &RunConfig,
    graph: &Graph,
    dataset: &Dataset,
    init: Option<&Checkpoint>,
) -> Result<(Checkpoint, Vec<String>)> {
    let drawn = initial_weights(graph, config.training.seed)?;
    let (weights, notes) = match init {
        None => (drawn, Vec::new()),
        Some(init) => taken(config, graph, &drawn, init).map_err(|error| match &config.init {
            Some(path) => error.within(path.display()),
            None => error,
        })?,
    };
    let names = if config.data.classes { dataset.class_names().to_vec() } else { Vec::new() };
    let metadata = Metadata { class_names: names, null_class: config.null_class(), card: None };
    let (unet, diffusion) = (config.network.clone(), config.diffusion.clone());
    Ok((Checkpoint { unet, diffusion, metadata, weights }, notes))
}

/// The weights of `init`, but for a class embedding that is another, and what is to be said of them.
fn taken(
    config: &RunConfig,
    graph: &Graph,
    drawn: &Weights,
    init: &Checkpoint,
) -> Result<(Weights, Vec<String>)> {
    let (wanted, found) = (config.network.to_json(), init.unet.to_json());
    let other = wanted
        .as_object()
        .into_iter()
        .flatten()
        .find(|(key, value)| !FREE.contains(&key.as_str()) && found[key.as_str()] != **value);
    if let Some((key, value)) = other {
        return Err(Error::input(format!(
            "{key}: expected {value}, as the run's network has it, found {}",
            found[key]
        )));
    }
    let rows = |classes: Option<u32>| classes.map_or("none".to_owned(), |rows| format!("{rows} labels"));
    let (wanted, found) = (config.network.num_class_embeds, init.unet.num_class_embeds);
    let classes = (wanted != found).then(|| match wanted {
        Some(_) => format!("the class embedding begins anew: {} rather than {}", rows(wanted), rows(found)),
        None => format!("the class embedding ({}) is left out", rows(found)),
    });
    let mut tensors = BTreeMap::new();
    for param in &graph.params {
        let source = if param.name == CLASSES && wanted != found { drawn } else { &init.weights };
        tensors.insert(param.name.clone(), (param.shape.clone(), source.get(&param.name)?.into_owned()));
    }
    let (before, now) = (init.diffusion.prediction_type, config.diffusion.prediction_type);
    let prediction =
        (before != now).then(|| format!("the network is to predict {now:?} and has learned {before:?}"));
    Ok((Weights::from_f32(tensors)?, classes.into_iter().chain(prediction).collect()))
}
