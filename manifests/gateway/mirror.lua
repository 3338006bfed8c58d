-- Copies of requests for a revision that shadows. A request leaves its copy in a queue and goes its way; tasks take the
-- copies from there, send them, and throw the answers away: nothing that happens to a copy can delay or fail a request.
--
-- Only the headers of KEPT go along. Credentials are in none of them.
--
-- The tasks are started as they are needed and never end: HAProxy 2.6 keeps a task's function for ever, and with it all
-- that the function holds on to.

local KEPT = {
  "accept", "content-encoding", "content-type", "host", "inference-header-content-length", "traceparent", "tracestate",
  "user-agent", "x-request-id",
}

local BUSY_MS, QUIET_MS, QUIET_AFTER = 5, 200, 2

local count = { sent = 0, failed = 0, too_large = 0, too_many = 0 }
local queue, first, last = {}, 1, 0
local tasks, under_way, latest = 0, 0, 0

local function post(copy)
  return core.httpclient():post(copy)
end

local function send(copy)
  local fine, answer = pcall(post, copy)
  if fine and answer and answer.status and answer.status >= 200 and answer.status < 500 then
    count.sent = count.sent + 1
  else
    count.failed = count.failed + 1
  end
end

local function work()
  while true do
    if first <= last then
      local copy = queue[first]
      queue[first] = nil
      first = first + 1
      under_way = under_way + 1
      send(copy)
      under_way = under_way - 1
    else
      core.msleep(core.now().sec - latest > QUIET_AFTER and QUIET_MS or BUSY_MS)
    end
  end
end

local function leave_out(txn, reason)
  count[reason] = count[reason] + 1
  txn:set_var("txn.copied", reason)
end

core.register_action("mirror", { "http-req" }, function(txn, socket, seconds, most)
  local length = tonumber(txn.f:req_fhdr("content-length"))
  local body = txn.f:req_body() or ""
  if length == nil or length ~= #body then
    return leave_out(txn, "too_large")
  end
  local waiting = last - first + 1
  if waiting + under_way >= tonumber(most) then
    return leave_out(txn, "too_many")
  end
  local headers = { ["content-length"] = { tostring(length) }, ["deployer-mirror"] = { "1" } }
  for _, name in ipairs(KEPT) do
    local value = txn.f:req_fhdr(name)
    if value ~= nil then
      headers[name] = { value }
    end
  end
  last = last + 1
  latest = core.now().sec
  queue[last] = {
    url = "http://mirror" .. txn.f:pathq(),
    dst = "unix@" .. socket,
    headers = headers,
    body = body,
    timeout = tonumber(seconds) * 1000,
  }
  if waiting >= tasks - under_way then
    tasks = tasks + 1
    core.register_task(work)
  end
end, 3)

core.register_cli({ "show", "mirror" }, "show mirror : what became of the copies of requests", function(applet)
  for _, name in ipairs({ "sent", "failed", "too_large", "too_many" }) do
    applet:send(name .. ": " .. count[name] .. "\n")
  end
  applet:send("pending: " .. last - first + 1 + under_way .. "\n")
end)
