"""The Redis scripts that count and grant requests, so that all workers share one count.

Each uses the time of Redis, whose clock all workers share; a simulation passes another time (ARGV[1]).

*The window.* Requests are counted by minute, and the last 62 minutes count, including the present one. They
cover at least 61 minutes: an hour, and a minute for requests that still wait for their slot or for a connection.

*The hour that counts.* It is ours, or 24SevenOffice's if it reports that fewer requests are left: then those, and
the requests granted since its hour began. The reserve shrinks with it; otherwise polls would wait for a reserve
that does not exist.

*The next hour.* It begins when 24SevenOffice says, or each request counts for its own hour (S22). If fewer were
left than we assumed, one request is then granted every five seconds until a response reports more.

*What polls leave.* The reserve that webhooks have not used yet, and always a tenth of the hour.

*A connection's share.* It is a multiple of the requests that are left, chosen so that it comes to the given part
of the hour while no other connection takes any. The more others take, the smaller it is, and no connection takes
the share that the next one starts with.

*Slots.* Each request takes the next slot, a gap after the last one, and after a pause some webhooks may be sent at
once. A poll only takes a slot that is too far in the past for a webhook. So no poll delays a webhook.
"""

BLOCKED = "twentyfour:budget:blocked"
"""Until when no requests are granted, and why."""
REPORTED = "twentyfour:budget:told"
"""The requests that 24SevenOffice last reported as left, and when its hour ends."""
EVENTS, POLLS = "twentyfour:budget:events", "twentyfour:budget:polls"
"""The requests granted in each minute: to webhooks and what people start, and to polls."""
NEXT_SLOT = "twentyfour:budget:turn"
"""The time of the next free slot."""
KEYS = (BLOCKED, REPORTED, EVENTS, POLLS, NEXT_SLOT)
OF_CONNECTION = "twentyfour:budget:of:"
"""The requests of a connection in each minute; its id follows."""
OF_DAY = "twentyfour:budget:day:"
"""The number of requests of each connection on a day in Oslo, by its id; kept for a day and not used here."""

# The decisions about a request. Each comes with a wait: until the slot, or until a new request makes sense.
GRANTED = 0  # send it after the wait
WAIT = 1  # a poll: request again after the wait
EXHAUSTED = 2  # refused: the hour's requests are used up
SHARE_EXHAUSTED = 3  # refused: the connection's share is used up
BLOCKED_BY_REMOTE = 4  # refused: 24SevenOffice blocks all requests
QUEUE_TOO_LONG = 5  # refused: the next slot is too far in the future

_NOW = """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local blocked, why = string.match(redis.call('GET', KEYS[1]) or '', '(%d+) (%d)')
blocked = tonumber(blocked) or 0
"""

_REPORTED = """
-- The requests that 24SevenOffice reported as left, less those granted since; a report of an ended hour is past.
local report = redis.call('HMGET', KEYS[2], 'left', 'until', 'probe')
local reported_left, reported_until, past_left = tonumber(report[1]), tonumber(report[2]), nil
if reported_until and reported_until <= now then
    past_left, reported_left, reported_until = reported_left, nil, nil
end
"""

_STATE = """
local minute, minutes = math.floor(now / 60000), 62
local hour_began = reported_until and math.floor(reported_until / 60000) - 60

-- Requests of a window, the time until the first of them leaves it, and the requests of 24SevenOffice's hour.
local function count(key)
  local total, first, of_hour = 0, minute, 0
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    local at = tonumber(fields[i])
    if at <= minute - minutes then
      redis.call('HDEL', key, fields[i])
    else
      local given = tonumber(fields[i + 1])
      total, first = total + given, math.min(first, at)
      if hour_began and at >= hour_began then of_hour = of_hour + given end
    end
  end
  return total, (first + minutes) * 60000 - now, of_hour
end

local limit, reserve = tonumber(ARGV[2]), tonumber(ARGV[3])
local events, events_leave, events_of_hour = count(KEYS[3])
local polls, polls_leave, polls_of_hour = count(KEYS[4])
local hour, left, relief = limit, limit - events - polls, math.min(events_leave, polls_leave)
if reported_left then
  hour = math.min(limit, reported_left + events_of_hour + polls_of_hour)
  if reported_left < left then left, relief = reported_left, reported_until - now end
end
local reserved = math.max(math.floor(reserve * hour / limit) - events, math.ceil(hour / 10))
"""

TAKE = (
    _NOW
    + _REPORTED
    + """
local new_left, new_until = tonumber(ARGV[9]), tonumber(ARGV[10])
if new_until and new_until > now then
  local later = not reported_until or new_until > reported_until
  if later or (new_until == reported_until and new_left < reported_left) then
    reported_left, reported_until = new_left, new_until
    redis.call('HSET', KEYS[2], 'left', reported_left, 'until', ARGV[10])
    redis.call('PEXPIRE', KEYS[2], reported_until - now + 3720000)
  end
end
"""
    + _STATE
    + """
local share, gap, burst, max_wait = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local polling = ARGV[8] == '1'

if blocked > now then return {tonumber(why), blocked - now} end
local probes = not reported_left and past_left and past_left < left
local probe = tonumber(report[3]) or 0
if probes and probe > now then return {2, probe - now} end
if left < 1 or (polling and left <= reserved) then return {2, relief} end
local own, own_leave = count(KEYS[6])
if own * (100 - share) >= left * share then return {3, math.min(relief, own_leave)} end

local free, slot = tonumber(redis.call('GET', KEYS[5]) or 0) + gap, now - burst * gap
if polling then
  if free > slot then return {1, free - slot} end
else
  slot = math.max(free, slot + gap)
  if slot - now > max_wait then return {5, slot - now} end
end

redis.call('SET', KEYS[5], string.format('%.0f', slot), 'PX', 60000)
for _, key in ipairs({polling and KEYS[4] or KEYS[3], KEYS[6]}) do
  redis.call('HINCRBY', key, string.format('%.0f', minute), 1)
  redis.call('PEXPIRE', key, (minutes + 1) * 60000)
end
redis.call('HINCRBY', KEYS[7], ARGV[11], 1)
redis.call('PEXPIRE', KEYS[7], 86400000)
if reported_left then redis.call('HINCRBY', KEYS[2], 'left', -1) end
if probes then redis.call('HSET', KEYS[2], 'probe', string.format('%.0f', now + 5000)) end
return {0, math.max(slot - now, 0)}
"""
)
"""KEYS: ``KEYS``, the connection's and the day's. ARGV: now, limit and reserve in requests, share in percent, gap
in ms, burst, longest wait in ms, 1 for a poll, the requests left that 24SevenOffice reported, until when, and the
connection's id."""

LOOK = _NOW + _REPORTED + _STATE + "return {hour, events, polls, left, reserved, blocked, now}"
"""KEYS: the first four. ARGV: the first three."""

BLOCK = (
    _NOW
    + """
local ends = now + ARGV[2]
if ends > blocked then redis.call('SET', KEYS[1], string.format('%.0f %s', ends, ARGV[3]), 'PX', ARGV[2]) end
"""
)
"""KEYS: the first. ARGV: now, for how many ms, and the decision about requests until then."""
