//! The recipes of the models that the page ships are runs, of networks that a page can load.

use ddpm::graph::unet;
use ddpm::train::RunConfig;

#[test]
fn recipes_are_runs_of_networks_for_a_page() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("web/models");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the models") {
        let path = entry.expect("an entry").path();
        let Ok(text) = std::fs::read_to_string(path.join("recipe.toml")) else {
            assert!(!path.is_dir(), "{}: a model without a recipe", path.display());
            continue;
        };
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let mut config = RunConfig::from_toml(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        config.validate().unwrap_or_else(|error| panic!("{name}: {error}"));
        // So that the page offers a label and a guidance slider.
        assert!(config.data.classes && config.data.label_dropout > 0.0, "{name}");
        config.network.num_class_embeds = Some(11);
        let graph = unet::describe(&config.network, config.network.sample_size).expect("a network");
        let (parameters, flops) = (graph.num_parameters(), graph.flops());
        println!("{name}: {parameters} parameters, {flops} FLOPs a picture");
        assert!(parameters <= 3_500_000, "{name}: {parameters} parameters");
        assert!(name != "mnist" || flops <= 100_000_000, "{name}: {flops} FLOPs a picture");
        names.push(name);
    }
    names.sort();
    assert_eq!(names, ["cifar10", "fashion-mnist", "mnist", "pixel-faces"]);
}
