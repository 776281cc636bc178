-- Refuses a script before its first write if its user may no longer run commands that follow that write. A permission may
-- be revoked while a store is connected, and a script that is denied a command is not undone. The first write of a script
-- needs no check: if that is denied, nothing has changed. Neither do other keys: the server has checked all of them.

local function check_permitted(key, ...)
  for i = 1, select('#', ...) do
    if not redis.acl_check_cmd((select(i, ...)), key) then
      error({ err = 'NOPERM a permission of this script was revoked' })
    end
  end
end
