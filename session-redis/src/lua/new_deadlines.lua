-- Shared by create, apply, rotate and sign_in: the deadlines `absolute` and `idle` of `timeout` and `lifetime`, from now.

absolute = lifetime > 0 and math.min(now + lifetime, NEVER - 1) or NEVER
idle = timeout > 0 and math.min(now + timeout - 1, absolute) or NEVER
