# gnuplot -c calibration.gp TITLE SUBTITLE CURVES, in a folder with data.txt: blocks attn-N, mlp-N, block-N of each curve N, first a
# line with the curve's label as third column, then columns layer importance.
title = ARG1
subtitle = ARG2
curves = ARG3 + 0
name = "calibration"
load ARG0[1:strlen(ARG0)-strlen("calibration.gp")]."style.gp"

# Okabe and Ito's colours, which the colour-blind tell apart; beyond them the point's shape does.
colours = "#0072b2 #d55e00 #009e73 #cc79a7 #e69f00 #56b4e9 #222222 #999999"
points = "7 5 9 13 11 6 4 8"
colour(n) = word(colours, (n - 1) % 8 + 1)
point(n) = word(points, (n - 1 + (n - 1) / 8) % 8 + 1) + 0
kinds = "attn mlp block"
whole(picture) = picture eq "png" ? "pngcairo size 1600,640 font 'Sans,15'" : "svg size 1600,640 font 'Sans,17'"

set logscale y
stats "data.txt" using 2 name "y" nooutput
set yrange [10**floor(log10(y_min)) : 10**ceil(log10(y_max))]
set format y "10^{%T}"
set xlabel "layer"
set xtics x_max - x_min <= 8 ? 1 : x_max - x_min <= 40 ? 5 : 20
do for [picture in "png svg"] {
    eval sprintf("set terminal %s background '#ffffff' enhanced; set output '%s.%s'", whole(picture), name, picture)
    # The same frame for all three, and the key beside them.
    set multiplot layout 1,3 title describe(title) noenhanced margins 0.065, 0.79, 0.13, 0.83 spacing 0.05
    do for [k = 1:3] {
        kind = word(kinds, k)
        set title label(kind)
        if (k == 1) { set ylabel "importance (log scale)" } else { unset ylabel }
        set key at screen 0.795, 0.83 left top vertical Left reverse samplen 2 spacing 1.3 noenhanced
        if (k != 3) { unset key }
        plot for [n = 1:curves] "data.txt" index sprintf("%s-%d;", kind, n) using 1:2 with linespoints \
            linecolor rgb colour(n) linewidth 2 pointtype point(n) pointsize 0.9 title columnheader(3)
    }
    unset multiplot
}
