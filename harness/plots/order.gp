# gnuplot -c order.gp SUBTITLE BLOCKS, in a folder with data.txt: blocks KIND/ORDER, columns step layer module (1 attention, 2 MLP, 3 block).
subtitle = ARG1
kinds = ARG2
name = "order"
load ARG0[1:strlen(ARG0)-strlen("order.gp")]."style.gp"

panels = words(kinds)
columns = panels < 3 ? panels : panels == 4 ? 2 : 3
rows = (panels + columns - 1) / columns
height = 150 + 420 * rows
kind_of(block) = block[1:strstrt(block, "/") - 1]
order_of(block) = block[strstrt(block, "/") + 1:]
stats "data.txt" using 2 name "y" nooutput
set yrange [-1 : y_max + 1]
set xrange [0:*]
set xtics auto
set ylabel "layer" offset 0.3, 0
set grid xtics ytics linetype 1 dashtype solid linecolor "#dddddd" linewidth 1
unset key

do for [picture in "png svg"] {
    eval sprintf("set terminal %s background '#ffffff' enhanced; set output '%s.%s'", \
                 picture eq "png" ? "pngcairo size 1400,".height." font 'Sans,13'" \
                                  : "svg size 1400,".height." font 'Sans,15'", name, picture)
    set multiplot layout rows, columns title describe("Order of dropping: which layer goes at which step") noenhanced \
        margins 0.06, 0.985, 75.0 / height, 1 - 115.0 / height spacing 0.065, 100.0 / height
    do for [block in kinds] {
        set title label(kind_of(block)).", by ".order_of(block) noenhanced offset 0, -0.5
        set xlabel kind_of(block) eq "joint" ? "step (dots attention, squares MLP)" : "step" offset 0, 0.5
        plot for [module = 1:3] "data.txt" index block using 1:($3 == module ? $2 : NaN) with points \
             linetype module linewidth 1.5 pointsize module == 3 ? 1.5 : 1.3 notitle
    }
    unset multiplot
}
