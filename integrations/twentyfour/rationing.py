"""How requests are counted and given out: scripts that Redis runs, so that all workers share one count.

Each takes the time from Redis, whose clock all workers share; a simulation tells another (ARGV[1]).

*The window.* Requests are counted by minutes, and the last 62 count, the present one included. They reach back 61
minutes at least: an hour, and a minute for those that wait for their turn or for a connection before they leave.

*What polls leave alone.* The reserve as far as events have not used it yet, and always a tenth of the hour.

*A connection's share.* So many times of what is left that it comes to the given part of the hour while nobody
else takes anything. The more others take, the less is left, and the smaller it is; none takes what the next one
begins on.

*Turns.* Each request takes the next one, a gap after the last, and after a pause some events may go at once. A
poll takes a turn only from so far back that no event could have it any more. So no event goes later for a poll.
"""

from __future__ import annotations

BLOCKED, TOLD, TURN = "twentyfour:budget:blocked", "twentyfour:budget:told", "twentyfour:budget:turn"
EVENTS, POLLS, OF_CONNECTION = "twentyfour:budget:events", "twentyfour:budget:polls", "twentyfour:budget:of:"

REFUSED, GIVEN, NOT_YET = 0, 1, 2
"""What a request hears: not for so long; go after a wait, its turn taken; ask again after a wait (polls)."""

_NOW = """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local blocked = tonumber(redis.call('GET', KEYS[1]) or 0) or 0
"""

_STATE = """
local minute, minutes = math.floor(now / 60000), 62

-- What a window holds, and how long it is until the first of it leaves.
local function count(key)
  local held, first = 0, minute
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    local at = tonumber(fields[i])
    if at <= minute - minutes then
      redis.call('HDEL', key, fields[i])
    else
      held, first = held + tonumber(fields[i + 1]), math.min(first, at)
    end
  end
  return held, (first + minutes) * 60000 - now
end

local limit, reserve = tonumber(ARGV[2]), tonumber(ARGV[3])
local events, events_leave = count(KEYS[3])
local polls, polls_leave = count(KEYS[4])
local left, relief = limit - events - polls, math.min(events_leave, polls_leave)
local reserved = math.max(reserve - events, math.ceil(limit / 10))

-- What 24SevenOffice said was left, less what was given out since.
local told = redis.call('HMGET', KEYS[2], 'left', 'until')
local told_left, told_until = tonumber(told[1]), tonumber(told[2])
if told_until and told_until <= now then told_left, told_until = nil, nil end
"""

_LEFT = """
if told_left and told_left < left then left, relief = told_left, told_until - now end
"""

TAKE = (
    _NOW
    + _STATE
    + """
local heard_left, heard_until = tonumber(ARGV[9]), tonumber(ARGV[10])
if heard_until and heard_until > now then
  local later = not told_until or heard_until > told_until
  if later or (heard_until == told_until and heard_left < told_left) then
    told_left, told_until = heard_left, heard_until
    redis.call('HSET', KEYS[2], 'left', told_left, 'until', ARGV[10])
    redis.call('PEXPIRE', KEYS[2], told_until - now)
  end
end
"""
    + _LEFT
    + """
local share, gap, burst, patience = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local polling = ARGV[8] == '1'

if blocked > now then return {0, blocked - now} end
if left < 1 or (polling and left <= reserved) then return {0, relief} end
local own, own_leave = count(KEYS[6])
if own * (100 - share) >= left * share then return {0, math.min(relief, own_leave)} end

local free, turn = tonumber(redis.call('GET', KEYS[5]) or 0) + gap, now - burst * gap
if polling then
  if free > turn then return {2, free - turn} end
else
  turn = math.max(free, turn + gap)
  if turn - now > patience then return {0, turn - now} end
end

redis.call('SET', KEYS[5], string.format('%.0f', turn), 'PX', 60000)
for _, key in ipairs({polling and KEYS[4] or KEYS[3], KEYS[6]}) do
  redis.call('HINCRBY', key, string.format('%.0f', minute), 1)
  redis.call('PEXPIRE', key, (minutes + 1) * 60000)
end
if told_left then redis.call('HINCRBY', KEYS[2], 'left', -1) end
return {1, math.max(turn - now, 0)}
"""
)
"""KEYS: blocked, told, events, polls, turn, the connection's. ARGV: now, limit and reserve in requests, share in
percent, gap in ms, burst, patience in ms, 1 for a poll, and what 24SevenOffice said: what is left, until when."""

LOOK = _NOW + _STATE + _LEFT + "return {events, polls, left, reserved, blocked, now}"
"""KEYS: the first four of the above. ARGV: the first three."""

BLOCK = (
    _NOW
    + """
local ends = now + ARGV[2]
if ends > blocked then redis.call('SET', KEYS[1], string.format('%.0f', ends), 'PX', ARGV[2]) end
"""
)
"""KEYS: the first. ARGV: now, and for how many ms."""
