# gnuplot -c compare.gp WEIGHTS PROTOCOL BLOCKS MACHINES, in a folder with data.txt. Blocks machine-N; hold 0, N, machine N's shares of the
# int8 peak and of the bandwidth, and its quoted label. Blocks KIND-N; (those of BLOCKS) hold columns dropped, then for the whole
# generation, prefill and decode: speedup quartile1 quartile3 predicted.
subtitle = ARG1."\n".ARG2
blocks = ARG3
machines = ARG4 + 0
name = "compare"
load ARG0[1:strlen(ARG0)-strlen("compare.gp")]."style.gp"

has(kind) = strstrt(" ".blocks, " ".kind."-")
kinds = ""
do for [kind in "attn mlp block joint"] { if (has(kind)) { kinds = kinds." ".kind } }
block(kind, machine) = sprintf("%s-%d;", kind, machine)
there(kind, machine) = strstrt(" ".blocks, " ".block(kind, machine))

# Colours that can be told apart by most eyes, shapes for the rest. Machines past the eighth share colours, not shapes.
colours = "0x0072b2 0xd55e00 0x009e73 0xc2408f 0x222222 0xe69f00 0x56b4e9 0x8b5a2b"
shapes = "7 5 9 13 11 6 4 8 12 10"
colour(machine) = int(word(colours, (machine - 1) % words(colours) + 1))
shape(machine) = int(word(shapes, (machine - 1) % words(shapes) + 1))

# Everything is placed in pixels from the top: legend, a row of panels a kind, the shares.
line = 30
title = 150
row = 440
shares = 320
height = title + machines * line + words(kinds) * row + shares
at(pixels) = 1 - pixels / (1.0 * height)
terminal(picture) = picture eq "png" ? sprintf("pngcairo size 1500,%d font 'Sans,15'", height) : sprintf("svg size 1500,%d font 'Sans,17'", height)
left = "0.075 0.57 0.82"
right = "0.51 0.76 0.99"

do for [picture in "png svg"] {
    eval begin(picture)
    set multiplot
    set label 1 describe("Speedup over the full model by modules dropped (bars: quartiles; dashed: predicted)") noenhanced at screen 0.5, at(34) center font ",18"

    # The legend is a panel of its own, a line a machine: gnuplot's key leaves out what does not fit.
    unset border; unset tics; unset grid; unset key
    set tmargin at screen at(title - 32); set bmargin at screen at(title - 32 + machines * line)
    set lmargin at screen 0.02; set rmargin at screen 0.98
    set xrange [0:1]; set yrange [machines + 0.5 : 0.5]
    plot for [m = 1:machines] "data.txt" index block("machine", m) using (0.03):2:(0.04):(0) with vectors nohead \
             linewidth 2.5 dashtype solid linecolor rgb colour(m), \
         for [m = 1:machines] "data.txt" index block("machine", m) using (0.05):2 with points linewidth 2.5 \
             linecolor rgb colour(m) pointtype shape(m) pointsize 1.4, \
         for [m = 1:machines] "data.txt" index block("machine", m) using (0.08):2:5 with labels left noenhanced
    unset label 1
    set border 3 linecolor "#444444" linewidth 1.2
    set tics nomirror out textcolor "#222222"; set ytics auto nomirror
    set grid ytics linetype 1 dashtype solid linecolor "#dddddd" linewidth 1
    set xrange [x_min - 0.5 : x_max + 0.5]
    set yrange [*:*]

    do for [k = 1:words(kinds)] {
        kind = word(kinds, k)
        # gnuplot refuses to draw what is not there.
        drawn = ""
        do for [m = 1:machines] { if (there(kind, m)) { drawn = drawn.sprintf(" %d", m) } }
        top = title + machines * line + (k - 1) * row
        set tmargin at screen at(top + 30); set bmargin at screen at(top + row - 90)
        do for [p = 1:3] {
            set lmargin at screen real(word(left, p)); set rmargin at screen real(word(right, p))
            step = p == 1 ? x_step : 2 * x_step
            set xtics step nomirror
            set title label(kind).", ".word("whole prefill decode", p).(p == 1 ? " generation" : "") offset 0, -0.5
            set xlabel "modules dropped" offset 0, 0.4
            set ylabel p == 1 ? "speedup" : "" offset 1, 0
            c = 2 + 4 * (p - 1)
            # The line at 1 is also what is left to draw where every cell is NA.
            plot 1 with lines linewidth 1 dashtype solid linecolor rgb "#888888" notitle, \
                 for [m in drawn] "data.txt" index block(kind, m + 0) using 1:(column(c + 3)) with lines linewidth 1.3 \
                     dashtype (8,6) linecolor rgb colour(m + 0) notitle, \
                 for [m in drawn] "data.txt" index block(kind, m + 0) using 1:(column(c)):(column(c + 1)):(column(c + 2)) \
                     with yerrorbars linewidth 1.5 dashtype solid linecolor rgb colour(m + 0) pointtype shape(m + 0) pointsize 0 notitle, \
                 for [m in drawn] "data.txt" index block(kind, m + 0) using 1:(column(c)) with linespoints \
                     linewidth p == 1 ? 2.5 : 1.8 dashtype solid linecolor rgb colour(m + 0) pointtype shape(m + 0) pointsize p == 1 ? 1.4 : 1 notitle
        }
    }

    top = height - shares
    set tmargin at screen at(top + 30); set bmargin at screen at(top + shares - 30)
    set xrange [0.3 : machines + 0.7]; set yrange [0:115]; set ytics 20 nomirror
    unset xtics; unset xlabel
    set boxwidth 0.6; set style fill solid 0.85
    do for [p = 1:2] {
        set lmargin at screen p == 1 ? 0.075 : 0.57; set rmargin at screen p == 1 ? 0.51 : 0.99
        set title word("prefill, decode,", p).(p == 1 ? " full model: share of the int8 peak" : " full model: share of the read bandwidth") offset 0, -0.5
        set ylabel p == 1 ? "%" : "" offset 1, 0
        plot for [m = 1:machines] "data.txt" index block("machine", m) using 2:(100 * column(p + 2)) with boxes \
                 dashtype solid linecolor rgb colour(m) notitle, \
             for [m = 1:machines] "data.txt" index block("machine", m) using 2:(100 * column(p + 2)):(sprintf("%.0f", 100 * column(p + 2))) \
                 with labels offset 0, 0.7 notitle
    }
    unset multiplot
    set xrange [x_min - 0.5 : x_max + 0.5]
}
