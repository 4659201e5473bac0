-- Lua's language and library at work: what comes out is the same on every machine.
local folder = arg[1]

local function section(name) print("== " .. name) end

section("closures")
local function counter(step)
  local n = 0
  return function() n = n + step; return n end, function() n = 0 end
end
local next_a, reset_a = counter(3)
local next_b = counter(5)
next_a(); next_a(); next_b()
print(next_a(), next_b())
reset_a()
print(next_a(), select("#", table.unpack({ 1, nil, 3 }, 1, 3)))
local function compose(...)
  local functions = { ... }
  return function(x) for _, f in ipairs(functions) do x = f(x) end return x end
end
print(compose(function(x) return x + 1 end, function(x) return x * x end, tostring)(6))

section("coroutines")
local function permutations(list, n)
  n = n or #list
  if n <= 1 then coroutine.yield(table.concat(list)) return end
  for i = 1, n do
    list[n], list[i] = list[i], list[n]
    permutations(list, n - 1)
    list[n], list[i] = list[i], list[n]
  end
end
local found = {}
for p in coroutine.wrap(function() permutations({ "a", "b", "c", "d" }) end) do found[#found + 1] = p end
table.sort(found)
print(#found, found[1], found[#found], table.concat(found, " ", 10, 13))
local primes = coroutine.wrap(function()
  local composite = {}
  for n = 2, 2000 do
    if not composite[n] then
      coroutine.yield(n)
      for m = n * n, 2000, n do composite[m] = true end
    end
  end
end)
local sum, last = 0, 0
for p in primes do sum = sum + p; last = p end
print(sum, last)
local co = coroutine.create(function() error({ code = 7 }) end)
local ok, err = coroutine.resume(co)
print(ok, err.code, coroutine.status(co))
local closed = coroutine.create(function()
  local guard <close> = setmetatable({}, { __close = function() print("closed") end })
  coroutine.yield()
end)
coroutine.resume(closed)
print(coroutine.close(closed))

section("metatables")
local Vector = {}
Vector.__index = Vector
Vector.__add = function(a, b) return Vector.new(a.x + b.x, a.y + b.y) end
Vector.__mul = function(a, k) return Vector.new(a.x * k, a.y * k) end
Vector.__eq = function(a, b) return a.x == b.x and a.y == b.y end
Vector.__lt = function(a, b) return a.x < b.x end
Vector.__le = function(a, b) return a.x <= b.x end
Vector.__len = function(a) return math.floor(math.sqrt(a.x ^ 2 + a.y ^ 2)) end
Vector.__tostring = function(a) return ("(%g, %g)"):format(a.x, a.y) end
Vector.__concat = function(a, b) return tostring(a) .. tostring(b) end
Vector.__call = function(a, k) return a[k] end
function Vector.new(x, y) return setmetatable({ x = x, y = y }, Vector) end
local v, w = Vector.new(3, 4), Vector.new(1.5, -2)
print(tostring(v + w), tostring(v * 2), #v, v == Vector.new(3, 4), v > w, v <= w, v .. w, v("y"))
local defaults = setmetatable({}, { __index = function(t, k) local r = k * k; rawset(t, k, r); return r end })
print(defaults[12], rawget(defaults, 12), rawget(defaults, 13))
local weak = setmetatable({}, { __mode = "k" })
weak[{}] = 1
collectgarbage()
print(next(weak))
local collected = 0
for _ = 1, 100 do setmetatable({}, { __gc = function() collected = collected + 1 end }) end
collectgarbage()
print(collected)

section("strings")
print(("%5d|%-8s|%08.3f|%x|%q|%g|%i|%c|%e"):format(42, "left", math.pi, 255, 'a "b"\n', 1e20, 7, 65, 12345.678))
print(("hello world from lua"):gsub("(%w+)", function(s) return s:upper():reverse() end))
print(("key = value, other=thing"):gsub("(%w+)%s*=%s*(%w+)", "%2:%1"))
for k, val in ("a=1, b=22, c=333"):gmatch("(%w+)=(%w+)") do io.write(k, "->", val, ";") end
print()
print(("  trim me "):match("^%s*(.-)%s*$") .. "|", ("f(a(b)c)d"):match("%b()"), ("THE (quick) fox"):find("%((%a+)%)"))
print(("x"):rep(5, "-"), ("abc"):byte(1, -1), ("\u{48}\u{20AC}"), utf8.len("häß€"), #"häß€")
local packed = string.pack("<i4>I2dz s1 B", -5, 513, 0.1, "zero", "counted", 200)
print(#packed, string.unpack("<i4>I2dz s1 B", packed))
print(string.format("%a", 0.1), 0x.8p3, 1e308 * 10, -(0 / 0) ~= 0 / 0, 7 // -2, 7 % -2, -7 % 2.5, 1 << 63, 5 // 0.0)
print(math.tointeger(3.0), math.type(3), math.type(3.0), math.maxinteger + 1 == math.mininteger, "10" + 5, 10 .. "")
print(tostring(2 ^ 53), 0xffffffffffffffff, math.ult(1, -1), tonumber("z", 36), tonumber("0x1p4"), 3 | 12, ~0)

section("tables")
local rows, seed = {}, 42
local function random() seed = (seed * 1103515245 + 12345) % 2147483648; return seed end
for i = 1, 5000 do rows[i] = { key = random() % 1000, at = i } end
table.sort(rows, function(a, b) if a.key ~= b.key then return a.key < b.key end return a.at < b.at end)
local good = true
for i = 2, #rows do
  local a, b = rows[i - 1], rows[i]
  if a.key > b.key or a.key == b.key and a.at > b.at then good = false end
end
print(good, rows[1].key, rows[2500].key, rows[5000].at)
local moved = table.move({ 1, 2, 3 }, 1, 3, 3, { 9, 9 })
print(table.concat(moved, ","), table.remove(moved, 1), table.concat(table.pack(table.unpack(moved, 2, 4)), "+"))
print(pcall(table.sort, { 3, 1, 2, 5, 4 }, function() error("compare") end))

section("errors")
print(pcall(error, "plain"), pcall(error, "level", 0), (select(2, pcall(function() local t = nil; return t.x end))))
print(xpcall(function() error("deep") end, function(m) return "handled " .. m:gsub("^.-:%d+: ", "") end))
local function overflow(n) return 1 + overflow(n + 1) end
print((select(2, pcall(overflow, 1)):match("stack overflow")))
print(load("return 1 +"))
print(load("x = ...; return x * 2", "chunk", "t", {})(21))

section("files")
local name = folder .. "/lines.txt"
local file = assert(io.open(name, "w"))
file:setvbuf("full", 4096)
for i = 1, 3000 do file:write("line ", i, " ", i * 0.5, "\n") end
print(file:seek("cur"), file:seek("end"))
file:close()
local count, bytes = 0, 0
for line in io.lines(name) do count = count + 1; bytes = bytes + #line + 1 end
print(count, bytes)
file = assert(io.open(name, "r+"))
print(file:seek("set", 5), file:read("n", "n", "l", "L", 4))
file:seek("set", 0)
file:write("LINE")
file:flush()
file:seek("set", 0)
print(file:read("l"), #file:read("a"), file:read("a"), file:read("l"))
file:close()
print(os.rename(name, name .. ".moved"), select(2, os.remove(folder .. "/nothing")) ~= nil)
print(io.open(folder .. "/nothing/at/all"))
print(os.remove(name .. ".moved"), os.getenv("LUA_NOTHING"), os.date("!%Y-%m-%d %H:%M:%S", 86400 * 365))
print(os.time({ year = 2024, month = 2, day = 29, hour = 12 }) - os.time({ year = 2024, month = 2, day = 28, hour = 12 }))

section("processes")
local pipe = io.popen("for n in 1 2 3; do echo popen $n; done; exit 5")
print(pipe:read("a"))
print(pipe:close())
local out = io.popen("tr a-z A-Z", "w")
io.stdout:flush()
out:write("written to a process\n")
out:close()

section("numbers")
local x, y, vx, vy = 1.0, 0.0, 0.0, 1.0
for _ = 1, 20000 do
  local r = (x * x + y * y) ^ 1.5
  vx, vy = vx - x / r * 1e-3, vy - y / r * 1e-3
  x, y = x + vx * 1e-3, y + vy * 1e-3
end
print(("%.12f %.12f"):format(x, y))
print(("%.15g %.15g %.15g %.15g"):format(math.sin(1), math.exp(2), math.log(10), math.fmod(-7, 3)))
