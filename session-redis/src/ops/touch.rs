use session_core::{
    Error, SessionId,
    store::{TouchOptions, TouchOutcome, Touched},
};

use crate::{
    operation::{Operation, Route, SendOptions, forwarded},
    protocol::{SCRIPTS, SessionStatus, TouchReply, millis, note_field, put},
};

impl Operation<'_> {
    pub(crate) async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        // A timeout of zero is valid: it renews nothing.
        let other = options.idle.map_or(0, |idle| if idle.is_zero() { 1 } else { millis(idle) + 1 });
        let age = millis(options.age);
        let note = note_field(options.note.as_ref());
        let mut span = 0;
        loop {
            // The arguments are those that `touch.lua` documents.
            let cmd = |route: &Route| {
                let mut head = Vec::with_capacity(22);
                put::<7>(&mut head, other);
                put::<7>(&mut head, span);
                head.push(u8::from(route.through));
                put::<7>(&mut head, age);
                let mut cmd = self.command_at(&SCRIPTS.touch, (route, None), (2, head.len() + note.len()));
                cmd.arg(head).arg(&note[..]);
                cmd
            };
            let script = (&SCRIPTS.touch, SendOptions::idempotent());
            let (Route { at, .. }, answer) = self.run_script_forwarded(id.digest(), script, cmd).await?;
            match TouchReply::parse(&answer.reply)? {
                TouchReply::Touched(status) => {
                    let SessionStatus { stamp, deadlines, now } = status;
                    let forwarded = forwarded(at, id);
                    return Ok(TouchOutcome::Touched(Touched { stamp, deadlines, now, forwarded }));
                }
                TouchReply::MustList(wanted) => span = Box::pin(self.extend_listing(&at, &wanted, span)).await?,
                TouchReply::Absent(absent) => return Ok(absent.into()),
            }
        }
    }
}
