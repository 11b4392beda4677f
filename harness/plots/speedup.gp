# gnuplot -c speedup.gp SUBTITLE KINDS, in a folder with data.txt: a block a kind, columns dropped speedup quartile1 quartile3 predicted.
subtitle = ARG1
kinds = ARG2
name = "speedup"
load ARG0[1:strlen(ARG0)-strlen("speedup.gp")]."style.gp"

set title describe("Speed: speedup over the full model, whole generation") noenhanced
set xlabel "modules dropped"
set ylabel "speedup (bars: quartiles)"
set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead linecolor "#888888" linewidth 1

# Solid lines and full points are measured, dashed lines and hollow points predicted.
do for [picture in "png svg"] {
    eval begin(picture)
    plot for [kind in kinds] "data.txt" index kind using 1:2:3:4 with yerrorbars \
             linetype style(kind) dashtype solid linewidth 1.5 pointsize 0 notitle, \
         for [kind in kinds] "data.txt" index kind using 1:2 with linespoints \
             linetype style(kind) dashtype solid title label(kind), \
         for [kind in kinds] "data.txt" index kind using 1:5 with linespoints \
             linetype style(kind) dashtype (8,6) linewidth 1.5 pointtype hollow(kind) pointsize 1 notitle, \
         keyentry with linespoints linetype 3 dashtype (8,6) linewidth 1.5 pointtype 6 linecolor "#777777" \
             title "predicted"
}
