//! Cleans up after a test process that was killed.
//!
//! `Drop` does not run when the test process is killed, and never for a server in a `static`. Therefore a shell reads from
//! a pipe of this process: when the pipe ends, it kills the registered processes and removes the registered directories.

use std::{
    io::Write,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::LazyLock,
};

use parking_lot::Mutex;

const SCRIPT: &str = r#"
nl='
'
IFS=$nl
all=
while IFS=' ' read -r op what; do
    case $op in
    +) all="$all$nl$what" ;;
    -) kept=
        for one in $all; do [ "$one" = "$what" ] || kept="$kept$nl$one"; done
        all=$kept ;;
    esac
done
for one in $all; do case $one in process:*) kill -9 "${one#process:}" ;; esac; done
sleep 0.2
for one in $all; do case $one in dir:*session-testkit-*) rm -rf "${one#dir:}" ;; esac; done
"#;

struct Watchdog {
    pipe: Option<ChildStdin>,
    // Kept so that the child is not reaped while it runs.
    _shell: Option<Child>,
}

static WATCHDOG: LazyLock<Mutex<Watchdog>> = LazyLock::new(|| {
    let shell = Command::new("sh")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // An interrupt from the terminal ends the tests; the watchdog must outlive them.
        .process_group(0)
        .spawn();
    let mut shell = shell.ok();
    let pipe = shell.as_mut().and_then(|shell| shell.stdin.take());
    Mutex::new(Watchdog { pipe, _shell: shell })
});

pub(crate) fn watch_process(pid: u32) {
    tell(&format!("+ process:{pid}\n"));
}

/// Must be called before the process is reaped: afterwards its id may belong to another process.
pub(crate) fn forget_process(pid: u32) {
    tell(&format!("- process:{pid}\n"));
}

pub(crate) fn watch_dir(path: &Path) {
    tell(&format!("+ dir:{}\n", path.display()));
}

pub(crate) fn forget_dir(path: &Path) {
    tell(&format!("- dir:{}\n", path.display()));
}

fn tell(line: &str) {
    // Without a watchdog tests still work; only the cleanup after a crash is missing.
    if let Some(pipe) = &mut WATCHDOG.lock().pipe {
        let _ = pipe.write_all(line.as_bytes());
    }
}
