# gnuplot -c accuracy.gp SUBTITLE KINDS CHANCES, in a folder with data.txt: a block a kind, columns dropped accuracy low high.
# CHANCES begins with the average's, in percent.
subtitle = ARG1
kinds = ARG2
name = "accuracy"
load ARG0[1:strlen(ARG0)-strlen("accuracy.gp")]."style.gp"
chance = word(ARG3, 1) + 0

set title describe("Tasks: average accuracy against the number of modules dropped") noenhanced
set xlabel "modules dropped"
set ylabel "average accuracy, %"
stats "data.txt" using 4 name "high" nooutput
stats "data.txt" using 3 name "low" nooutput
bottom = low_min < chance ? low_min : chance
set yrange [bottom - 1 : high_max + 1]
set arrow 1 from graph 0, first chance to graph 1, first chance nohead linecolor "#888888" linewidth 1.5 dashtype (6,6)
set label 1 "guessing" at graph 0.995, first chance right offset 0, 0.6 textcolor "#666666"

do for [picture in "png svg"] {
    eval begin(picture)
    plot for [kind in kinds] "data.txt" index kind using 1:2:3:4 with yerrorbars \
             linetype style(kind) dashtype solid linewidth 1.5 pointsize 0 notitle, \
         for [kind in kinds] "data.txt" index kind using 1:2 with linespoints linetype style(kind) title label(kind)
}
