//! PyTorch on the same U-Net, where it is installed (`benches/pytorch.py`), in turns with ours.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use ddpm::checkpoint::{Precision, folder};
use ddpm::error::{Error, Result};
use ddpm::gpu::{GpuContext, Tile};
use serde::Serialize;
use serde_json::Value;

use crate::measure::{Runs, sizes};
use crate::networks::Network;
use crate::report::Table;
use crate::steps::{self, Work};

const CPU_BATCHES: &[&str] = &["1", "4", "16"];
const GPU_BATCHES: &[&str] = &["1", "16", "128"];
/// On a CPU, a network of more GFLOP a picture has fewer pictures.
const LARGE: f64 = 5.0;
const LARGE_CPU_BATCHES: &[&str] = &["1", "4"];

/// One batch size, in seconds a step.
#[derive(Serialize)]
pub struct Row {
    network: &'static str,
    peer: String,
    device: String,
    precision: String,
    memory_format: String,
    work: Work,
    batch: u32,
    ours: Runs,
    pytorch: Runs,
    /// PyTorch / ours, run by run.
    ratio: Runs,
}

/// Those of `networks` that are measured: where shaders compute on a CPU, a large one would take minutes.
pub fn networks<'a>(
    gpu: &GpuContext,
    networks: impl IntoIterator<Item = &'a Network>,
) -> impl Iterator<Item = &'a Network> {
    let slow = gpu.adapter().cpu && gpu.processor().is_none();
    networks.into_iter().filter(move |network| !slow || network.gflop(1) <= LARGE)
}

/// All measurements; none where PyTorch is missing, which is said.
pub fn rows(gpu: &GpuContext, network: &Network) -> Result<Vec<Row>> {
    let mut script = match Script::start(gpu, network)? {
        Ok(script) => script,
        Err(words) => {
            println!("PyTorch: {words}\n");
            return Ok(Vec::new());
        }
    };
    let broken = |error: io::Error| Error::input(format!("benches/pytorch.py: {error}"));
    let mut rows = Vec::new();
    while let Some(facts) = script.line().map_err(broken)? {
        let work = if facts["what"] == "train" { Work::Training } else { Work::Sampling };
        let batch = facts["batch"].as_u64().unwrap_or(1) as u32;
        let mut ours = steps::steps(gpu, network, work, batch)?;
        let mut time = |n: u32| {
            let begin = Instant::now();
            ours(n);
            begin.elapsed().as_secs_f64() / f64::from(n)
        };
        time(1);
        let (repetitions, runs) = sizes(time(1));
        let (mut times, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            times.push(time(repetitions));
            theirs.push(script.run().map_err(broken)?);
        }
        script.say("next").map_err(broken)?;
        let (ours, pytorch) = (Runs::new(times), Runs::new(theirs));
        let text = |key: &str| facts[key].as_str().unwrap_or_default().to_owned();
        rows.push(Row {
            network: network.name,
            peer: text("peer"),
            device: text("device"),
            precision: text("precision"),
            memory_format: text("memory_format"),
            work,
            batch,
            ratio: pytorch.by(&ours),
            ours,
            pytorch,
        });
    }
    gpu.check()?;
    Ok(rows)
}

/// The script, which runs when it is told to.
struct Script {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    first: Option<Value>,
}

impl Script {
    /// The script for `network`, in a folder of its own below `target`, with its first measurement prepared; or why there is
    /// none.
    fn start(gpu: &GpuContext, network: &Network) -> Result<std::result::Result<Self, String>> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench/").to_owned() + network.name;
        folder::save(&network.checkpoint, &folder, Precision::F32)?;
        let (device, batches) = match gpu.adapter().cpu {
            true if network.gflop(1) > LARGE => ("cpu", LARGE_CPU_BATCHES),
            true => ("cpu", CPU_BATCHES),
            false => ("cuda", GPU_BATCHES),
        };
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut command = Command::new(&python);
        command.args([concat!(env!("CARGO_MANIFEST_DIR"), "/benches/pytorch.py"), &folder, "--turns"]);
        command.args(["--device", device, "--batch"]).args(batches);
        if let Some(processor) = gpu.processor() {
            command.args(["--threads", &processor.team().threads().to_string()]);
        }
        if matches!(gpu.tile(), Tile::Matrices { .. }) {
            command.arg("--bf16");
        }
        let mut child = match command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
            Ok(child) => child,
            Err(error) => return Ok(Err(format!("{python} does not run ({error})"))),
        };
        let (input, output) = child.stdin.take().zip(child.stdout.take()).expect("both are piped");
        let mut script = Self { child, input, output: BufReader::new(output), first: None };
        script.first = match script.line() {
            Ok(Some(line)) => Some(line),
            Ok(None) => return Ok(Err("no measurement; what it has to say is above".to_owned())),
            Err(error) => return Ok(Err(error.to_string())),
        };
        Ok(Ok(script))
    }

    /// Its next line; none at its end.
    fn line(&mut self) -> io::Result<Option<Value>> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let mut line = String::new();
        match self.output.read_line(&mut line)? {
            0 => Ok(None),
            _ => Ok(Some(serde_json::from_str(&line)?)),
        }
    }

    fn say(&mut self, word: &str) -> io::Result<()> {
        writeln!(self.input, "{word}")?;
        self.input.flush()
    }

    /// Seconds a step of one run.
    fn run(&mut self) -> io::Result<f64> {
        self.say("run")?;
        let answer = self.line()?;
        let seconds = answer.as_ref().and_then(|answer| answer["seconds"].as_f64());
        seconds.ok_or_else(|| io::Error::other("it ended in the middle of a measurement"))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // It has ended already, unless something went wrong.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn table(network: &Network, rows: &[Row]) -> Table {
    let row = |row: &Row| {
        vec![
            row.work.name().to_owned(),
            row.batch.to_string(),
            row.ours.words(4),
            row.pytorch.words(4),
            row.ratio.words(2),
        ]
    };
    let peer = rows.first().map_or_else(String::new, |row| {
        let Row { peer, device, precision, memory_format, .. } = row;
        format!("{peer} ({device}, {precision}, {memory_format})")
    });
    Table {
        title: format!("Ours beside {peer}, {}, in turns", network.name),
        head: &["step", "pictures", "ours, s", "PyTorch, s", "PyTorch, times ours"],
        rows: rows.iter().map(row).collect(),
    }
}
