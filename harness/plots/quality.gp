# gnuplot -c quality.gp SUBTITLE KINDS, in a folder with data.txt: a block a kind, columns dropped perplexity low high.
subtitle = ARG1
kinds = ARG2
name = "quality"
load ARG0[1:strlen(ARG0)-strlen("quality.gp")]."style.gp"

set title describe("Quality: perplexity against the number of modules dropped") noenhanced
set xlabel "modules dropped"
set ylabel "perplexity (log scale, lower is better)"
stats "data.txt" using 3 name "low" nooutput
stats "data.txt" using 4 name "high" nooutput
set logscale y
set yrange [low_min / 1.1 : high_max * 1.1]
# Below three decades the powers of ten alone would leave the axis bare.
if (high_max / low_min < 1000) {
    set ytics ()
    do for [power = -1:7] { do for [digit in "1 2 3 5"] {
        set ytics add (sprintf("%g", digit * 10 ** power) digit * 10 ** power)
    } }
} else {
    set format y "10^{%T}"
}

do for [picture in "png svg"] {
    eval begin(picture)
    plot for [kind in kinds] "data.txt" index kind using 1:2:3:4 with yerrorbars \
             linetype style(kind) dashtype solid linewidth 1.5 pointsize 0 notitle, \
         for [kind in kinds] "data.txt" index kind using 1:2 with linespoints linetype style(kind) title label(kind)
}
