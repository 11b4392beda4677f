# gnuplot -c predicted.gp SUBTITLE KINDS, in a folder with data.txt: a block a kind, columns predicted measured quartile1 quartile3 dropped.
subtitle = ARG1
kinds = ARG2
name = "predicted"
load ARG0[1:strlen(ARG0)-strlen("predicted.gp")]."style.gp"

set title describe("Speedup measured against predicted, a point a row") noenhanced
set xlabel "speedup predicted from bytes and operations"
set ylabel "speedup measured (bars: quartiles)"
stats "data.txt" using 3 name "low" nooutput
stats "data.txt" using 4 name "high" nooutput
# As wide as high, so that the diagonal is one.
first = low_min < x_min ? low_min : x_min
last = high_max > x_max ? high_max : x_max
gap = 0.04 * (last - first) + 0.005
set xrange [first - gap : last + gap]
set yrange [first - gap : last + gap]
set xtics auto
set size square

do for [picture in "png svg"] {
    eval begin(picture)
    plot x with lines linewidth 1.5 dashtype (8,6) linecolor "#888888" title "as predicted", \
         for [kind in kinds] "data.txt" index kind using 1:2:3:4 with yerrorbars \
             linetype style(kind) dashtype solid linewidth 1.5 pointsize 0 notitle, \
         for [kind in kinds] "data.txt" index kind using 1:2 with points linetype style(kind) title label(kind)
}
