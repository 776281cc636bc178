//! The programs that a run needs, checked before anything is measured.

use std::{env, error::Error, fmt, io, process::Command};

use crate::claims::Program;

/// A missing program.
#[derive(Debug)]
pub struct Lacking {
    program: String,
    setting: &'static str,
    source: io::Error,
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, setting, .. } = self;
        write!(
            f,
            "`{program}` cannot be run; install it with `apt-get install redis-server redis-tools`, or set {setting}"
        )
    }
}

impl Error for Lacking {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// Checks that these programs can be run.
pub(super) fn look(programs: impl IntoIterator<Item = Program>) -> Result<(), Lacking> {
    programs.into_iter().try_for_each(|Program { name, setting }| {
        let program = env::var(setting).unwrap_or_else(|_| name.to_owned());
        match Command::new(&program).arg("--version").output() {
            Ok(_) => Ok(()),
            Err(source) => Err(Lacking { program, setting, source }),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let setting = "NO_SUCH_PROGRAM_BIN";
        let lacking = look([Program { name: "no-such-program", setting }]).unwrap_err();
        assert!(
            lacking.to_string().contains("`no-such-program`") && lacking.to_string().contains(setting),
            "{lacking}"
        );
        assert!(lacking.source().is_some());
        look([Program { name: "rustc", setting }]).unwrap();
    }
}
