# gnuplot -c predicted.gp SUBTITLE KINDS, in a folder with data.txt: a block a kind, columns predicted measured quartile1 quartile3 dropped.
subtitle = ARG1
kinds = ARG2
name = "predicted"
load ARG0[1:strlen(ARG0)-strlen("predicted.gp")]."style.gp"

set title describe("Speedup measured against predicted, a point a row") noenhanced
set xlabel "speedup predicted from bytes and operations (log scale)"
set ylabel "speedup measured (log scale; bars: quartiles)"
stats "data.txt" using 3 name "low" nooutput
stats "data.txt" using 4 name "high" nooutput
# Both axes alike, so that rows as predicted lie on the diagonal; logarithmic, so that a distance from it is a share.
first = low_min < x_min ? low_min : x_min
last = high_max > x_max ? high_max : x_max
gap = (last / first) ** 0.05 * 1.005
set logscale xy
set xrange [first / gap : last * gap]
set yrange [first / gap : last * gap]
# Ticks that few or many rows leave readable.
spread = last / first
step = spread < 1.1 ? 0.01 : spread < 1.6 ? 0.05 : spread < 3 ? 0.2 : 0.5
unset mxtics; unset mytics
set xtics (); set ytics ()
do for [i = 1:200] { set xtics add (sprintf("%g", i * step) i * step); set ytics add (sprintf("%g", i * step) i * step) }
set grid xtics ytics linetype 1 dashtype solid linecolor "#dddddd" linewidth 1

do for [picture in "png svg"] {
    eval begin(picture)
    plot x with lines linewidth 1.5 dashtype (8,6) linecolor "#888888" title "as predicted", \
         for [kind in kinds] "data.txt" index kind using 1:2:3:4 with yerrorbars \
             linetype style(kind) dashtype solid linewidth 1.5 pointsize 0 notitle, \
         for [kind in kinds] "data.txt" index kind using 1:2 with points linetype style(kind) title label(kind)
}
