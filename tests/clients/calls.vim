" What nvim's own client does with the rpc example: `nvim --headless --clean -u NONE -S calls.vim`, with the journey, the
" address, and a file of the journey's in the environment. Says "ok", and what the journey counts, or what is wrong.

function s:refused(...) abort
  try
    call call('rpcrequest', [s:channel] + a:000)
  catch
    return v:exception
  endtry
  return 'nothing was wrong'
endfunction

" One at least of each type that a script can send, and what lies at its edges. The others somebody else has set.
function s:types(_) abort
  let l:values = [v:null, v:false, v:true, 0, -1, 0.0, -1.5, 1.0e300, 'grüß dich, 世界',
        \ [[], {}, [v:null, {'a': [1.5, 'b']}]], {'a': {'b': {'c': []}}}]
  for l:bits in [5, 7, 8, 15, 16, 31, 32, 62]
    let l:power = float2nr(pow(2, l:bits))
    let l:values += [l:power - 1, l:power, -l:power, 1 - l:power]
  endfor
  let l:values += [0x7fffffffffffffff, -0x7fffffffffffffff - 1]
  for l:length in [0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536]
    let l:map = {}
    for l:number in range(l:length)
      let l:map['k' . l:number] = l:number % 7
    endfor
    let l:values += [repeat('x', l:length), repeat([7], l:length), l:map]
  endfor
  for l:value in l:values
    let l:answer = rpcrequest(s:channel, 'echo', l:value)
    " Not the values themselves: a message of 64 KiB is no sentence.
    if type(l:answer) != type(l:value) || l:answer !=# l:value
      call add(v:errors, 'echo: ' . strpart(string(l:value), 0, 200))
    endif
  endfor
  call assert_equal(repeat('b', 300), rpcrequest(s:channel, 'kv_get', 'bin'))
  call assert_equal(1.5, rpcrequest(s:channel, 'kv_get', 'float32'))
  " It has no number for the one, and no type for the other.
  call assert_equal([v:null, v:null], rpcrequest(s:channel, 'kv_get', 'beyond'))
  return len(l:values)
endfunction

function s:error(_) abort
  call assert_match('no more coffee', s:refused('fail', 1, 'no more coffee'))
  call assert_match('no method "fly"', s:refused('fly'))
  call assert_match('add: argument 2: ', s:refused('add', 1, 'two'))
  call assert_match('the sum is out of range', s:refused('add', 0x7fffffffffffffff, 1))
  " None of them has ended the connection.
  call assert_equal(3, rpcrequest(s:channel, 'add', 1, 2))
  return 4
endfunction

function s:notification(_) abort
  call assert_equal(1, rpcnotify(s:channel, 'kv_set', 'noted', {'by': 'a client'}))
  call assert_equal({'by': 'a client'}, rpcrequest(s:channel, 'kv_get', 'noted'))
  return 1
endfunction

" A request waits for its answer, so what can be under way are notifications.
function s:thousand(_) abort
  for l:number in range(1000)
    call rpcnotify(s:channel, 'kv_set', 'noted' . l:number, l:number)
  endfor
  for l:number in range(1000)
    call assert_equal(l:number, rpcrequest(s:channel, 'kv_get', 'noted' . l:number))
  endfor
  return 1000
endfunction

" Calls in a row until there is a file, each of which is answered.
function s:go_on(over) abort
  let l:served = 0
  while !filereadable(a:over)
    call assert_equal(l:served + 1, rpcrequest(s:channel, 'add', l:served, 1))
    call assert_equal(1, rpcrequest(s:channel, 'sleep', 1))
    let l:served += 2
  endwhile
  return l:served
endfunction

" A master, by its control socket.
function s:control(_) abort
  let l:status = rpcrequest(s:channel, 'status')
  call assert_equal(['running', 2, 1], [l:status.state, l:status.wanted, l:status.generation])
  call rpcrequest(s:channel, 'scale', 3)
  call rpcrequest(s:channel, 'scale', '+1')
  let l:workers = rpcrequest(s:channel, 'status').workers
  call assert_equal(repeat(['ready'], 4), map(copy(l:workers), 'v:val.state'))
  call rpcrequest(s:channel, 'reload')
  let l:status = rpcrequest(s:channel, 'status')
  call assert_equal(2, l:status.generation)
  call assert_equal(['reload', 'ok'], [l:status.last_change.kind, l:status.last_change.result])
  " What was understood and refused has the exit code of a command for its code, and nvim has no text of such.
  call assert_match('Error invoking ''scale''', s:refused('scale', 0))
  call assert_match('method.*fly.*; there are status, ', s:refused('fly'))
  call assert_match('scale', s:refused('scale', 'three'))
  call assert_equal('2', rpcrequest(s:channel, 'config_get', 'number_workers'))
  return l:status.pid
endfunction

try
  let s:mode = $CALLS_ADDRESS =~# '^/' ? 'pipe' : 'tcp'
  let s:channel = sockconnect(s:mode, $CALLS_ADDRESS, {'rpc': v:true})
  let s:counted = call('s:' . $CALLS_JOURNEY, [$CALLS_FILE])
catch
  call add(v:errors, v:throwpoint . ': ' . v:exception)
endtry
call luaeval('io.stdout:write(_A, "\n")', empty(v:errors) ? 'ok ' . s:counted : join(v:errors, "\n"))
execute empty(v:errors) ? 'qall!' : 'cquit!'
