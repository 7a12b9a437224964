await (async () => { const $run = ASYNC ($loops: number) => { SETUP; const $begun = Bun.nanoseconds(); for (let $loop = 0; $loop < $loops; $loop++) { CODE
} return Bun.nanoseconds() - $begun; };
  const $enough = 0.2e9;
  const $most = 1e9;
  let $loops = LOOPS || 1;
  if (LOOPS === 0) while ($loops < $most && (WAIT $run($loops)) < $enough) $loops *= 10;
  const $times: number[] = [];
  while ($times.length < RUNS) $times.push((WAIT $run($loops)) / $loops);
  const $mean = $times.reduce(($sum, $time) => $sum + $time, 0) / RUNS;
  const $deviation = Math.sqrt($times.reduce(($sum, $time) => $sum + ($time - $mean) ** 2, 0) / RUNS);
  const $text = ($ns: number) => {
    const [$unit, $size] = $ns >= 1e9 ? ["s", 1e9] : $ns >= 1e6 ? ["ms", 1e6] : $ns >= 1e3 ? ["µs", 1e3] : ["ns", 1];
    return `${Number(($ns / Number($size)).toPrecision(3))} ${$unit}`;
  };
  const $counted = ($count: number, $word: string) => `${$count.toLocaleString("en-US")} ${$word}${$count === 1 ? "" : "s"}`;
  console.log(`${$text($mean)} ± ${$text($deviation)} per loop (mean ± std. dev. of ${$counted(RUNS, "run")}, ${$counted($loops, "loop")} each)`);
})();
