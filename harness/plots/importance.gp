# gnuplot -c importance.gp SUBTITLE KINDS, in a folder with data.txt: a block a kind, columns layer importance.
subtitle = ARG1
kinds = ARG2
name = "importance"
load ARG0[1:strlen(ARG0)-strlen("importance.gp")]."style.gp"

set title describe("Importance of every module by layer") noenhanced
set xlabel "layer"
set ylabel "importance: 1 - cos(before, after) (log scale)"
set logscale y
set format y "10^{%T}"
set mytics 10
set grid ytics mytics linetype 1 dashtype solid linecolor "#d0d0d0" linewidth 1, linetype 1 dashtype solid linecolor "#eeeeee" linewidth 1

do for [picture in "png svg"] {
    eval begin(picture)
    plot for [kind in kinds] "data.txt" index kind using 1:2 with linespoints linetype style(kind) title label(kind)
}
