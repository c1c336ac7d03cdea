//! Runs that are stopped, politely and not, and go on.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ddpm::gpu::Level;

use super::super::bad_input::assert_refused;
use super::super::shader_adapter;
use super::Scratch;
use crate::gpu::{cpu, gpu, repetitions};

impl Scratch {
    /// Begins `ddpm` with the words of `line`.
    fn spawn(&self, line: &str) -> Child {
        let mut command = self.command(line);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("ddpm runs")
    }
}

/// A number from 0 to 1 for each `ix`, the same at every call.
fn share(ix: u32) -> f64 {
    ddpm::rng::uniform(ddpm::rng::word_block(3, ddpm::rng::Stream::DataOrder, 0, ix, 0)[0])
}

/// Kills runs of `options` `kills` times, at moments spread over the time that `reference` took, and lets the last end;
/// returns in how many steps it was interrupted.
fn kill(scratch: &Scratch, run: &str, options: &str, kills: u32, whole: Duration) -> Vec<u64> {
    let line = format!("train --config run.toml {options} --out {run} --resume");
    let metrics = scratch.0.join(run).join("metrics.jsonl");
    let mut seen = Vec::new();
    let mut killed = 0;
    while killed < kills {
        let mut child = scratch.spawn(&line);
        // The last after something was done, however few they are.
        match killed + 1 == kills {
            true => wait_for(&metrics),
            false => std::thread::sleep(whole.mul_f64(0.08 + 0.4 * share(killed))),
        }
        child.kill().expect("killed");
        let output = child.wait_with_output().expect("an end");
        if output.status.success() {
            // It was quicker: another one.
            std::fs::remove_dir_all(scratch.0.join(run)).expect("removed");
            continue;
        }
        assert!(output.status.code().is_none(), "{}", String::from_utf8_lossy(&output.stderr));
        killed += 1;
        seen.push(std::fs::read_to_string(&metrics).map_or(0, |text| text.lines().count() as u64));
    }
    scratch.succeed(&line);
    seen
}

#[test]
fn killed_runs_end_in_the_same_bytes() {
    let scratch = Scratch::with_pictures("kills");
    for (run, options) in [("whole", "--micro-batch 4"), ("parts", "--micro-batch 2")] {
        let began = Instant::now();
        scratch.succeed(&format!("train --config run.toml {options} --out {run}-reference"));
        let seen = kill(&scratch, run, options, repetitions(3, 20), began.elapsed());
        println!("{run}: lines of metrics at the kills: {seen:?}");
        assert!(seen.iter().any(|&lines| lines > 0), "no kill came after the first steps: {seen:?}");
        scratch.assert_same_end(run, &format!("{run}-reference"));
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_saves_and_says_how_to_go_on() {
    let scratch = Scratch::with_pictures("interrupt");
    // A step that is due for nothing is as good as any.
    let options = "--steps 1000 --save-every 2000 --sample-every 0 --log-every 7";
    scratch.succeed(&format!("train --config run.toml {options} --out reference"));
    let child = scratch.spawn(&format!("train --config run.toml {options} --out stopped"));
    wait_for(&scratch.0.join("stopped/metrics.jsonl"));
    signal(&child, "INT");
    let output = child.wait_with_output().expect("an end");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let command = said.trim_end().rsplit("go on with: ddpm ").next().expect("a command").to_owned();
    assert!(command.starts_with("train --out stopped --resume"), "{said}");
    scratch.succeed(&command);
    scratch.assert_same_end("stopped", "reference");
}

/// Threads change nothing, not even in the middle of a run.
#[cfg(unix)]
#[test]
fn a_run_goes_on_with_other_threads() {
    let scratch = Scratch::with_pictures("threads");
    let options = "--steps 1000 --save-every 2000 --sample-every 0 --log-every 7";
    scratch.succeed(&format!("train --config run.toml {options} --threads 2 --out reference"));
    let child = scratch.spawn(&format!("train --config run.toml {options} --threads 1 --out stopped"));
    wait_for(&scratch.0.join("stopped/metrics.jsonl"));
    signal(&child, "INT");
    let output = child.wait_with_output().expect("an end");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.trim_end().ends_with("train --out stopped --resume --adapter cpu --threads 1"), "{said}");
    scratch.succeed("train --out stopped --resume --threads 3");
    scratch.assert_same_end("stopped", "reference");
}

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(status.expect("kill runs").success());
}

/// Waits until there is something in a file.
fn wait_for(path: &std::path::Path) {
    let began = Instant::now();
    while path.metadata().map_or(0, |metadata| metadata.len()) == 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "{}: nothing in a minute", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_run_goes_on_only_as_it_began() {
    let scratch = Scratch::with_pictures("resume");
    scratch.succeed("train --config run.toml --steps 2 --out run");
    let state = scratch.read("run/state.safetensors");
    let config = scratch.read("run/config.toml");
    assert_refused(
        &scratch,
        &[
            (
                1,
                "train --out run --resume --lr 1",
                "training.learning_rate: expected 0.002, found 1.0; --force",
            ),
            (1, "train --out run --resume --steps 1", "steps"),
            (1, "train --config run.toml --out run --resume", "training.steps: expected 2, found 24"),
            (1, "train --out run", "--resume"),
        ],
    );
    // Nothing is left to do.
    scratch.succeed("train --out run --resume --save-every 9");
    assert!(scratch.read("run/state.safetensors") == state, "a run that had ended has another state");
    scratch.write("run/config.toml", &config);

    scratch.write("run/state.safetensors", &state[..state.len() - 3]);
    assert_refused(
        &scratch,
        &[(1, "train --out run --resume", "state.safetensors: expected a training state")],
    );
    scratch.write("run/state.safetensors", &state);
    let (picture, hidden) = ("pictures/rows/1.png", "pictures/rows/.1.png");
    std::fs::rename(scratch.0.join(picture), scratch.0.join(hidden)).expect("renamed");
    assert_refused(&scratch, &[(1, "train --out run --resume", "pictures: expected ")]);
    scratch.succeed("train --out run --resume --force");
    std::fs::rename(scratch.0.join(hidden), scratch.0.join(picture)).expect("renamed");
    scratch.succeed("train --out run --resume --force --steps 4");
    assert_eq!(scratch.metrics("run").last().expect("a line")["step"], 4);
}

/// Between devices, and vector units, the last bits differ.
#[test]
fn a_run_goes_on_only_where_it_began() {
    let scratch = Scratch::with_pictures("devices");
    let level = cpu().processor().expect("the processor").level();
    let shaders = shader_adapter();
    scratch.succeed("train --config run.toml --steps 2 --out run");
    scratch.succeed(&format!("train --config run.toml --steps 2 --out shaders --adapter {shaders}"));
    let (on_cpu, name) = (format!("cpu ({})", level.name()), &gpu().adapter().name);
    assert_refused(
        &scratch,
        &[
            (
                1,
                &format!("train --out run --resume --adapter {shaders}"),
                &format!("adapter: expected {on_cpu}, found {name}; --force"),
            ),
            (
                1,
                "train --out shaders --resume",
                &format!("adapter: expected {name}, found {on_cpu}; --force"),
            ),
        ],
    );
    scratch.succeed("train --out shaders --resume --force --steps 3");

    let Some(other) = Level::all().into_iter().find(|other| *other != level) else {
        println!("no other vector unit than {level:?}");
        return;
    };
    let go_on = |options: &str| {
        let mut command = scratch.command(&format!("train --out run --resume {options}"));
        command.env("DDPM_SIMD", other.name()).output().expect("it runs")
    };
    let output = go_on("");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let words = format!("adapter: expected {on_cpu}, found cpu ({})", other.name());
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains(&words), "{words} in {said}");
    assert!(go_on("--force --steps 4").status.success(), "it is forced to");
    // From then on it is a run of that vector unit.
    assert!(go_on("").status.success(), "its own state");
    assert_refused(&scratch, &[(1, "train --out run --resume", &format!("found {on_cpu}; --force"))]);
}

/// Asserts that going on with a run fails with one more line that has `words`, and leaves the last good state.
fn assert_stays(scratch: &Scratch, command: &mut Command, words: &str) {
    let state = scratch.read("run/state.safetensors");
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.lines().last().is_some_and(|line| line.starts_with("ddpm: ") && line.contains(words)),
        "{said}"
    );
    assert!(!said.contains("panic"), "{said}");
    assert!(scratch.read("run/state.safetensors") == state, "{words}: the last good state is another");
    let strays = scratch.files().into_iter().filter(|(path, _)| path.to_string_lossy().contains(".tmp"));
    assert_eq!(strays.count(), 0, "{words}");
}

#[test]
fn what_cannot_be_written_leaves_the_last_good_state() {
    let scratch = Scratch::with_pictures("unwritable");
    scratch.succeed("train --config run.toml --steps 3 --out run");
    let line = "train --out run --resume --force --steps 6";
    std::fs::rename(scratch.0.join("run/loss.svg"), scratch.0.join("loss.svg")).expect("renamed");
    std::fs::create_dir(scratch.0.join("run/loss.svg")).expect("a folder");
    assert_stays(&scratch, &mut scratch.command(line), "loss.svg: expected a file to write, found a folder");
    std::fs::remove_dir(scratch.0.join("run/loss.svg")).expect("removed");
    #[cfg(unix)]
    {
        // A disk that is full at 8 KiB, which the model does not fit.
        let full = format!("trap '' XFSZ; ulimit -f 8; exec \"$0\" {line}");
        let mut shell = Command::new("bash");
        shell.current_dir(&scratch.0).args(["-c", &full, env!("CARGO_BIN_EXE_ddpm")]);
        assert_stays(&scratch, &mut shell, "model.safetensors: cannot be written");

        use std::os::unix::fs::PermissionsExt;
        let folder = scratch.0.join("run");
        let permit = |mode: u32| {
            std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).expect("permissions");
        };
        permit(0o555);
        // The superuser may write everywhere.
        if std::fs::write(folder.join("probe"), b"").is_err() {
            assert_stays(&scratch, &mut scratch.command(line), "cannot be written");
        }
        permit(0o755);
        let _ = std::fs::remove_file(folder.join("probe"));
    }
    scratch.succeed(line);
    assert_eq!(scratch.metrics("run").last().expect("a line")["step"], 6);
}
