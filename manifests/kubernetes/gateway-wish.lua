
-- What lies beside this file is what a gateway that starts anew begins from; who has written it wants to know when it is
-- here.
core.register_cli({ "show", "wish" }, "show wish : what a gateway that starts anew begins from", function(applet)
  local file = io.open("/etc/haproxy/state.json")
  applet:send((file and file:read("a") or "none") .. "\n")
  if file then
    file:close()
  end
end)
