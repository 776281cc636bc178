//! The programs that a run needs, checked before anything is measured.

use std::{env, error::Error, fmt, io, process::Command};

use crate::claims::Program;

/// A missing program.
#[derive(Debug)]
pub struct MissingProgram {
    program: String,
    setting: &'static str,
    source: io::Error,
}

impl fmt::Display for MissingProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, setting, .. } = self;
        write!(
            f,
            "`{program}` cannot be run; install it with `apt-get install redis-server redis-tools`, or set {setting}"
        )
    }
}

impl Error for MissingProgram {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// Checks that these programs can be run.
pub(super) fn check(programs: impl IntoIterator<Item = Program>) -> Result<(), MissingProgram> {
    programs.into_iter().try_for_each(|Program { name, setting }| {
        let program = env::var(setting).unwrap_or_else(|_| name.to_owned());
        match Command::new(&program).arg("--version").output() {
            Ok(_) => Ok(()),
            Err(source) => Err(MissingProgram { program, setting, source }),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named() {
        let setting = "NO_SUCH_PROGRAM_BIN";
        let missing = check([Program { name: "no-such-program", setting }]).unwrap_err();
        assert!(
            missing.to_string().contains("`no-such-program`") && missing.to_string().contains(setting),
            "{missing}"
        );
        assert!(missing.source().is_some());
        check([Program { name: "rustc", setting }]).unwrap();
    }
}
