# gnuplot -c tasks.gp SUBTITLE BLOCKS CHANCES, in a folder with data.txt: blocks TASK/KIND, columns dropped accuracy low high.
# CHANCES: the average's, then for each task chance in percent, name, title.
subtitle = ARG1
kinds = ARG2
name = "tasks"
load ARG0[1:strlen(ARG0)-strlen("tasks.gp")]."style.gp"

task_count = words(ARG3) / 3 - 1
chance(t) = word(ARG3, 3 * t + 1) + 0
task(t) = word(ARG3, 3 * t + 2)
title_of(t) = word(ARG3, 3 * t + 3)
all_kinds = "attn mlp block joint"
has(block) = strstrt(" ".kinds." ", " ".block." ") > 0
# One panel more, for the key.
panels = task_count + 1
columns = panels < 4 ? panels : panels < 10 ? 3 : 4
rows = (panels + columns - 1) / columns
height = 160 + 330 * rows

stats "data.txt" using 4 name "high" nooutput
stats "data.txt" using 3 name "low" nooutput
set xlabel "modules dropped" offset 0, 0.6
set tmargin 2.2
set bmargin 3.2
set errorbars 0.4
unset key

do for [picture in "png svg"] {
    set terminal unknown
    eval sprintf("set terminal %s background '#ffffff' enhanced; set output '%s.%s'", \
                 picture eq "png" ? "pngcairo size 1400,".height." font 'Sans,13'" \
                                  : "svg size 1400,".height." font 'Sans,15'", name, picture)
    set multiplot layout rows, columns title describe("Tasks: accuracy in percent; dashed: guessing") noenhanced \
        margins 0.05, 0.985, 70.0 / height, 1 - 120.0 / height spacing 0.05, 95.0 / height
    do for [t = 1:task_count] {
        set title title_of(t) noenhanced offset 0, -0.6
        set yrange [*:*]
        set arrow 1 from graph 0, first chance(t) to graph 1, first chance(t) nohead linecolor "#888888" linewidth 1.5 dashtype (6,6)
        plot chance(t) with lines linecolor "#ffffff" linewidth 0.1 notitle, \
             for [kind in all_kinds] (has(task(t)."/".kind) ? "data.txt" : "/dev/null") index task(t)."/".kind using 1:2:3:4 \
                 with yerrorbars linetype style(kind) dashtype solid linewidth 1 pointsize 0 notitle, \
             for [kind in all_kinds] (has(task(t)."/".kind) ? "data.txt" : "/dev/null") index task(t)."/".kind using 1:2 \
                 with linespoints linetype style(kind) linewidth 1.8 pointsize 0.9 title label(kind)
    }
    unset title; unset xlabel; unset tics; unset border; unset arrow; unset grid
    set yrange [0:1]
    set key inside center center vertical samplen 4 spacing 1.6
    plot for [kind in all_kinds] (strstrt(kinds, "/".kind) ? NaN : 1/0) with linespoints linetype style(kind) linewidth 1.8 pointsize 0.9 \
         title strstrt(kinds, "/".kind) ? label(kind) : ""
    unset multiplot
    unset key; set border 3; set tics nomirror out; set xtics x_step; set ytics; set xlabel "modules dropped" offset 0, 0.6
    set grid ytics linetype 1 dashtype solid linecolor "#dddddd" linewidth 1
}
